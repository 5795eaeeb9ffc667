"""A headless Chromium that a test drives, over the browser's own pipe: pages as they run against a real server."""

import json
import os
import select
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.api.browser import NAMES, SECONDS
from tests.waiting import eventually


class Tab:
    """One page."""

    def __init__(self, sending: int, receiving: int) -> None:
        self.sending, self.receiving = sending, receiving
        self.last, self.session, self.rest = 0, "", b""
        self.said: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self.last += 1
        session = {"sessionId": self.session} if self.session else {}
        told = json.dumps({"id": self.last, "method": method, "params": params} | session)
        os.write(self.sending, told.encode() + b"\0")
        while True:
            message = self._next()
            if message.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}:
                self.said.append(json.dumps(message["params"]))
            if message.get("id") == self.last:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    def run(self, script: str) -> Any:
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, script: str) -> Any:
        return eventually(lambda: self.run(script), what=f"{script}; the browser said {self.said}")

    def look(self, width: int, height: int, scheme: str) -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def shoot(self, file: Path) -> bytes:
        file.write_bytes(b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))
        return file.read_bytes()

    def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, name: str) -> None:
        """Press a key; a printed character is its own name."""
        code = {"ArrowLeft": 37, " ": 32}.get(name, 0)
        text = {"text": name} if len(name) == 1 else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=code, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code)

    def _next(self) -> dict[str, Any]:
        ends = monotonic() + SECONDS
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.receiving], [], [], max(0.0, ends - monotonic()))
            assert ready, "the browser says nothing"
            chunk = os.read(self.receiving, 1 << 20)
            assert chunk, "the browser is gone"
            self.rest += chunk
        one, _, self.rest = self.rest.partition(b"\0")
        message: dict[str, Any] = json.loads(one)
        return message


@contextmanager
def driven(folder: Path) -> Iterator[Tab]:
    """Open a tab. Skips where there is no browser."""
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"there is no Chromium on this machine (looked for {', '.join(NAMES)})")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    # Chromium reads descriptor 3 and writes 4; a shell puts them there, from environment-given numbers.
    wrap = 'eval "exec 8<&$IN 9>&$OUT"; exec "$0" "$@" 3<&8 4>&9'
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe")
    process = subprocess.Popen(  # noqa: S603 - the browser of this machine, on a page of ours
        ("/bin/bash", "-c", wrap, browser, *options, f"--user-data-dir={folder / 'profile'}", "about:blank"),
        env=os.environ | {"IN": str(theirs_in), "OUT": str(theirs_out)},
        pass_fds=(theirs_in, theirs_out),
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Tab(ours_out, ours_in)
    finally:
        process.terminate()
        process.wait(10)
        os.close(ours_out)
        os.close(ours_in)
