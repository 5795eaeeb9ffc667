"""A city of customers, restaurants and drivers that lives through the public HTTP API, and nothing else.

Stands outside the layers: imports none of the other rooms. Whoever starts it hands in the server's address,
the world's clock and staff credentials (`rush.live`).
"""
