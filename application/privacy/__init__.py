"""Personal data: the keys that it is encrypted with."""
