"""How pages look: system fonts, light and dark, from 375 px on, and on paper. One sheet, inlined, known by its hash."""

import hashlib
from base64 import b64encode
from importlib.resources import files

STYLE = files("api.pages").joinpath("style.css").read_text(encoding="utf-8")

POLICY = (
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
"""The Content-Security-Policy of a page: this sheet and nothing else."""
