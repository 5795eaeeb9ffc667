"""Personal data: the keys it is encrypted with, and how a person is forgotten."""
