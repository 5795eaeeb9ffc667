"""Pages for people: HTML made on the server, without scripts, without anything from elsewhere.

May import what `api` may. Everything that is not made by `markup.element` is escaped by it.
"""
