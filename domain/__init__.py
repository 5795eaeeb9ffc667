"""What is true: aggregates, their events and decisions, and the pure formulas (prices, ETA, scores).

May import the standard library, msgspec and eventsourcing types only. No I/O, no clock, no randomness.
"""
