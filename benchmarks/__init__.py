"""Every published figure: each runs on its own as `python -m benchmarks.NAME` and prints one JSON line last.

May import anything. Load comes from processes of its own, so that the generator is not what is measured.
"""
