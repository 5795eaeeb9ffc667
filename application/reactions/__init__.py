"""Reactions: an event makes a worker issue a command, now or at a later time, exactly once.

`rules` says which and when; `follower` writes them down as rows and enqueues what is due; `actors` do them.
May import what `application` may.
"""
