"""How it is asked: the HTTP API, one controller per audience, and what all of them share.

`app.create_app` is what granian calls. May import `application`, `projections` and `domain`. Controllers hold no
rules: they hand a command to `application.execute` or ask a projection's query.
"""
