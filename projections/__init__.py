"""What is shown: read models (tables, fold and queries side by side), the log reader and the runner that feeds them.

May import `domain`. Issues no commands; whatever is here can be thrown away and rebuilt from the log.
"""
