"""Who drives what, next: plans over all open orders and drivers at once.

Pure: problem in, plan out; no clock, no I/O, the seed comes in. Imports nothing but the standard library, so that
production and `benchmarks.mdrp` can run the very same code.
"""
