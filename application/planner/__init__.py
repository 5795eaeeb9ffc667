"""Plans a region's open orders together when they queue: what is known, the plan, and what of it is done now.

The search itself is in the room `planning`. May import what `application` may.
"""
