"""Every published figure: each module runs on its own and prints one JSON line last.

May import every room; nothing imports it.
"""
