"""Pages as a real browser lays them out, in frames as wide as the screens they are for."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from api.pages.style import POLICY

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell")
SECONDS = 60
MEASURE = """
const visible = (one) => one.getClientRects().length > 0;
const meets = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
const told = {};
for (const frame of document.querySelectorAll("iframe")) {
  const page = frame.contentDocument, view = frame.contentWindow;
  const drawings = [...page.querySelectorAll("svg")].filter(visible);
  const box = drawings[0].getBoundingClientRect();
  const labels = [...drawings[0].querySelectorAll("text")].map((one) => [one.textContent, one.getBoundingClientRect()]);
  const pairs = labels.flatMap((one, i) => labels.slice(i + 1).map((other) => [one, other]));
  told[frame.title] = {
    "wider than its screen": page.documentElement.scrollWidth - view.innerWidth,
    "drawings": drawings.length,
    "labels": labels.length,
    "meeting": pairs.filter(([one, other]) => meets(one[1], other[1])).map(([one, other]) => [one[0], other[0]]),
    "outside": labels.filter(([_, one]) => one.left < box.left - 1 || one.right > box.right + 1).map((one) => one[0]),
    "smallest letters": Math.min(...labels.map(([_, one]) => one.height)),
    "styled": view.getComputedStyle(page.querySelector(".tile")).borderLeftWidth,
  };
}
document.getElementById("told").textContent = JSON.stringify(told);
"""


def measured(folder: Path, pages: Mapping[str, str], widths: tuple[int, ...]) -> dict[str, dict[str, Any]]:
    """Lay pages out, each in each width ("name 375"), under their own policy. Skips where there is no browser."""
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"there is no Chromium on this machine (looked for {', '.join(NAMES)})")
    policy = f'<head><meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
    frames = "".join(
        f'<iframe title="{name} {width}" width="{width}" height="800" style="border:0" '
        f'srcdoc="{escape(page.replace("<head>", policy, 1))}"></iframe>'
        for name, page in pages.items()
        for width in widths
    )
    file = folder / "frames.html"
    file.write_text(
        f'<!doctype html><meta charset="utf-8">{frames}<pre id="told"></pre>'
        f"<script>addEventListener('load', () => {{{MEASURE}}})</script>",
        encoding="utf-8",
    )
    command = (browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}")
    done = subprocess.run(  # noqa: S603 - the browser of this machine, on a page of ours
        (*command, "--virtual-time-budget=5000", "--dump-dom", file.as_uri()),
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    told: dict[str, dict[str, Any]] = json.loads(
        unescape(done.stdout.rpartition('<pre id="told">')[2].partition("</pre>")[0])
    )
    return told
