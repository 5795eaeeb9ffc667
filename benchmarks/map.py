"""The map of a full region, on the server and in a browser: `python -m benchmarks.map`.

Drivers and orders are written where the map reads them, drivers with twenty minutes of positions. Then it is measured
what a picture and a slice of the last hour take and weigh, how a crowd of watchers is answered, and how long a headless
Chromium (no graphics card) takes for each frame, live and replayed.
"""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import click
import httpx
from msgspec.structs import replace

import migrations
from application.engines.embedded import embedded
from application.settings import Settings, read_settings
from application.staff import appoint
from projections import generations
from projections.connections import open_engine
from projections.registry import PROJECTIONS
from simulation.percentiles import percentile
from tests.api.crowd import crowd
from tests.api.driven import Tab, driven
from tests.api.serving import served

WATCHERS, SECONDS, FRAMES = 50, 5, 120
LOG_IN = {"email": "s@example.com", "password": "long enough"}


@click.command()
@click.option("--drivers", type=click.IntRange(1, 20_000), default=10_000, show_default=True)
@click.option("--orders", type=click.IntRange(1, 5_000), default=1_000, show_default=True)
@click.option("--every", type=click.IntRange(1, 60), default=4, show_default=True, help="Seconds between pings.")
@click.option("--shots", type=click.Path(path_type=Path), help="Folder for pictures of what was drawn.")
def main(drivers: int, orders: int, every: int, shots: Path | None) -> None:
    """Measure, and print one JSON line last."""
    with tempfile.TemporaryDirectory(prefix="tiffin-map-") as name, embedded(Path(name)) as engines:
        migrations.upgrade(engines.database_url)
        settings = read_settings()
        settings = replace(
            settings,
            database=replace(settings.database, url=engines.database_url),
            valkey=replace(settings.valkey, url=engines.valkey_url),
            data_dir=Path(name),
        )
        with open_engine(engines.database_url).connect() as connection:
            generations.ensure(connection, PROJECTIONS)
        appoint(settings.database.url, role="support", name="Sofia", **LOG_IN)
        crowd(settings, drivers, orders, every_seconds=every)
        print(f"{drivers} drivers, {orders} orders, a position each {every} s for 20 minutes", file=sys.stderr)
        print(json.dumps({"drivers": drivers, "orders": orders} | measure(settings, Path(name), shots)))


def measure(settings: Settings, folder: Path, shots: Path | None) -> dict[str, Any]:
    """Ask the server, then draw."""
    with served(settings) as api:
        url = str(api.client.base_url)
        session = api.client.post("/v1/sessions", json=LOG_IN).json()
        api.client.headers["Authorization"] = f"Bearer {session['token']}"
        found = pictures(api.client) | slices(api.client) | asyncio.run(watched(url, session["token"]))
        with driven(folder) as tab:
            return found | frames(tab, url, shots)


def timed(client: httpx.Client, path: str, headers: dict[str, str] | None = None) -> tuple[float, httpx.Response]:
    """One call in milliseconds."""
    began = time.perf_counter()
    answer = client.get(path, timeout=60, headers=headers)
    answer.raise_for_status()
    return (time.perf_counter() - began) * 1_000, answer


def pictures(client: httpx.Client) -> dict[str, Any]:
    """New ones each time: who sends a position gets no shared one."""
    took = [timed(client, "/v1/ops/map?region=porto", headers={"Tiffin-Position": "0"}) for _ in range(20)]
    _, last = took[-1]
    return {
        "picture_ms": round(median(ms for ms, _ in took), 1),
        "picture_kb": round(len(last.content) / 1_000),
        "picture_zipped_kb": round(int(last.headers["content-length"]) / 1_000),
    }


def slices(client: httpx.Client) -> dict[str, Any]:
    """The last quarter of an hour: first looks, and those after them."""
    _, now = timed(client, "/v1/ops/map?region=porto")
    at = time.time()
    paths = [f"/v1/ops/map/history?region=porto&since={_iso(at - 300 * ago)}" for ago in (1, 2, 3)]
    first, again = [timed(client, path) for path in paths], [timed(client, path) for path in paths]
    told = first[-1][1].json()
    return {
        "slice_ms": round(median(ms for ms, _ in first), 1),
        "slice_again_ms": round(median(ms for ms, _ in again), 1),
        "slice_zipped_kb": round(median(int(one.headers["content-length"]) for _, one in first) / 1_000),
        "slice_step_seconds": told["step_seconds"],
        "unzipped_kb": round(len(first[-1][1].content) / 1_000),
        "drivers_on_map": len(now.json()["drivers"]),
    }


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


async def watched(url: str, token: str) -> dict[str, Any]:
    """Fifty who ask once a second, as the page does, out of step."""
    took: list[float] = []
    known = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}
    async with httpx.AsyncClient(base_url=url, headers=known, timeout=30) as client:

        async def watch(number: int) -> None:
            await asyncio.sleep(number / WATCHERS)
            for _ in range(SECONDS):
                began = time.perf_counter()
                async with client.stream("GET", "/v1/ops/map?region=porto") as answer:
                    answer.raise_for_status()
                    async for _ in answer.aiter_raw():
                        pass
                took.append((time.perf_counter() - began) * 1_000)
                await asyncio.sleep(max(0.0, 1 - took[-1] / 1_000))

        await asyncio.gather(*(watch(number) for number in range(WATCHERS)))
    return {
        "watchers": WATCHERS,
        "watched_p50_ms": round(median(took), 1),
        "watched_p99_ms": round(percentile(took, 0.99) or 0, 1),
    }


def frames(tab: Tab, url: str, shots: Path | None) -> dict[str, Any]:
    """Draw live and replay at the usual speed."""
    tab.look(1600, 1000, "light")
    tab.ask("Page.navigate", url=f"{url}/ops/map")
    tab.until("document.readyState === 'complete' && Boolean(document.getElementById('log-in'))")
    tab.run(f"Object.entries({json.dumps(LOG_IN)}).map(([k, v]) => $(k).value = v); $('log-in').requestSubmit()")
    tab.until("map.dataset.drawn")
    live = tab.run(DRAWN)
    tab.run("seek(now() - 900, false)")
    tab.until("replay && slices.get(Math.floor(replay.at / 300) * 300)?.told && map.dataset.drawn")
    shoot(tab, shots, "replay-many.png")
    tab.run("play()")
    played = tab.run(DRAWN)
    tab.run("live()")
    tab.until("document.body.dataset.time === 'live'")
    shoot(tab, shots, "live-many.png")
    return {"live_frame_ms": live, "replay_frame_ms": played}


DRAWN = f"""new Promise((done) => {{
  const took = [], began = performance.now();
  const next = () => {{
    took.push(Number(map.dataset.drawMs));
    redraw();
    if (took.length < {FRAMES}) requestAnimationFrame(next);
    else {{
      took.sort((a, b) => a - b);
      const at = (part) => Math.round(took[Math.floor(took.length * part)] * 10) / 10;
      done({{ p50: at(0.5), p99: at(0.99), per_s: Math.round(took.length / (performance.now() - began) * 1000) }});
    }}
  }};
  next();
}})"""


def shoot(tab: Tab, folder: Path | None, name: str) -> None:
    """A picture, where they are wanted."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        tab.run("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")
        tab.shoot(folder / name)


if __name__ == "__main__":
    main()
