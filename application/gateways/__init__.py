"""The outside world behind ports: each gateway's port, its real and its sandbox side are neighbours.

May import what `application` may.
"""
