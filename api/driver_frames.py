"""What goes over a driver's WebSocket, in words: the API's documentation shows this to who writes a client.

Frames are JSON texts. `DOWN` names every `type` that comes down, `CLOSES` every code that the server closes with.
"""

from typing import Final

from application.settings import ApiSettings

FRAME_BYTES: Final = 65_536
HEARTBEAT_SECONDS: Final = round(ApiSettings().heartbeat_seconds)
IDLE_SECONDS: Final = round(ApiSettings().idle_seconds)
"""Who sends nothing for so long is not there any more."""
MOST_REFUSED: Final = 100
"""One after the other: whoever sends so many does not mean us."""

GOING_AWAY, POLICY, FAULT, TRY_AGAIN, UNAUTHENTICATED, IDLE = 1001, 1008, 1011, 1013, 4401, 4408

DOWN: Final = {
    "snapshot": "First, and again after `resync`: `{offers, deliveries}`, those that stand.",
    "order": "A change of an order that concerns you, an offer above all: `{order_id, version, topic, data, …}`.",
    "resync": "Something was left out; a new `snapshot` follows.",
    "heart-beat": f"Every {HEARTBEAT_SECONDS} s when there is nothing else. Hear nothing for 40 s: connect anew.",
    "taken": "Answers a frame: `{accepted, late, dropped}`. Late ones say where you were: send newer ones, too.",
    "busy": "Answers a frame that was not taken: send it again after `{retry_after_seconds}`.",
    "refused": "Answers a frame that cannot be read; `{detail}` says why. Nothing of it was taken.",
    "closing": "The last one: `{reason}`.",
}
CLOSES: Final = {
    GOING_AWAY: "The server restarts, or you left: connect anew.",
    POLICY: f"{MOST_REFUSED} frames on end were refused: mend the client.",
    FAULT: "A fault of ours: connect anew.",
    TRY_AGAIN: "What the snapshot is read from is away for a moment: wait a second, connect anew.",
    UNAUTHENTICATED: "No session, or not a driver's: log in.",
    IDLE: f"Nothing was heard from you for {IDLE_SECONDS} s: connect anew.",
}

GUIDE: Final = f"""
**The same, and positions, over one WebSocket.** Open this path with `Upgrade: websocket` and the same `Authorization`
header. Every frame is a JSON text.

Up: what `POST /v1/driver/positions` takes, at most {FRAME_BYTES} bytes a frame:
`{{"lat": 41.1496, "lon": -8.6109, "at": "2026-03-14T12:00:00Z"}}`, or several in `positions`, oldest first. Each is
answered, in order; keep what is not answered, and send it again after a break: what did arrive is only counted as
dropped. Who has nothing to tell sends the last position once more, within {IDLE_SECONDS} s.

Down: `{{"type": …, "data": …}}`.

| type | means |
| --- | --- |
{"\n".join(f"| `{kind}` | {text} |" for kind, text in DOWN.items())}

Close codes:

| code | means |
| --- | --- |
{"\n".join(f"| {code} | {text} |" for code, text in CLOSES.items())}
""".strip()
