"""Python's cyclic garbage collector in processes that run for ever and answer within milliseconds.

A full collection looks at every object and holds all threads: 30 ms for the 100,000 objects of the imported code alone.
"""

import gc

YOUNG_OBJECTS = 10_000
"""How many more objects than before make a collection of the young; Python's 2,000 are a few requests."""
MIDDLE, FULL = 10, 50
"""So many collections of one generation make one of the next; a full one also waits for a quarter more old objects."""


def settle() -> None:
    """Take what there is for permanent, and collect the rest less often. Call it when everything is imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, MIDDLE, FULL)
