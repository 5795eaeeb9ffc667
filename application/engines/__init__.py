"""The embedded engines: PostgreSQL and Valkey from wheels, started where no URL names outside servers.

May import the standard library, psutil, the wheels and the two clients; of the project only `application.settings` and
`application.ending`.
"""
