"""The commands' handlers: load, decide, append, and hand on the receipt. They hold no rules."""
