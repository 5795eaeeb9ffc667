"""How pages look: system fonts, light and dark, from 375 px on, and on paper. One sheet, inlined, known by its hash."""

import hashlib
from base64 import b64encode
from importlib.resources import files


def _hash(text: str) -> str:
    """As a policy names what it lets through."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


STYLE = files("api.pages").joinpath("style.css").read_text(encoding="utf-8")

POLICY = (
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src {_hash(STYLE)}"
)
"""The Content-Security-Policy of a page: this sheet and nothing else."""

MAP_STYLE = files("api.pages").joinpath("map.css").read_text(encoding="utf-8")
MAP_SCRIPTS = ("map", "map_dots", "map_told", "map_live", "map_replay", "map_hands")
MAP_SCRIPT = "\n".join(files("api.pages").joinpath(f"{name}.js").read_text(encoding="utf-8") for name in MAP_SCRIPTS)
MAP_POLICY = (
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"connect-src 'self'; style-src {_hash(MAP_STYLE)}; script-src {_hash(MAP_SCRIPT)}"
)
"""That of the map: its sheet, its script, and calls of this API."""
