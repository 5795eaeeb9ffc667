"""Personal values as they are stored: encrypted with a key of the person whom they tell about.

In stored JSON such a value is `{"encrypted": "…", "kind": "text"}`: base64 of the person's id (16 bytes) and of
AES-256-GCM-SIV's ciphertext and tag over the value's own JSON, bound to the stream and version it stands in. Text in a
document cannot pass for one: its quotes are escaped. Once the key is destroyed the value reads as erased for good.
"""

import binascii
import re
from collections.abc import Collection, Iterable, Sequence
from operator import is_
from typing import Any, Protocol, cast
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.errors import InvalidInput
from domain.event import Encrypted
from domain.geo import Position
from domain.personal import Places, personal_places

ERASED = "erased"
"""What a text reads as once its key is destroyed."""
ERASED_POSITION = Position(lat=0.0, lon=0.0)

_KINDS = {str: b'","kind":"text"}', Position: b'","kind":"position"}'}
_ERASED = {b"text": msgspec.json.encode(ERASED), b"position": msgspec.json.encode(ERASED_POSITION)}
_MARK = b'{"encrypted":"'
_VALUE = re.compile(rb'\{"encrypted":"([A-Za-z0-9+/=]+)","kind":"([a-z]+)"\}')
_SUBJECT = re.compile(rb'\{"encrypted":"([A-Za-z0-9+/]{24})')
_ID_BYTES = 16
_encode = msgspec.json.Encoder().encode


class Undecipherable(Exception):  # noqa: N818 - names the outcome
    """A value cannot be decrypted though its key was not destroyed: the key is missing, or something was changed."""


class Cipher(Protocol):
    """A data subject's key, at work."""

    def encrypt(self, value: bytes, place: bytes) -> bytes:
        """Encrypt a value for the place where it stands; the same again gives the same again."""
        ...

    def decrypt(self, value: bytes, place: bytes) -> bytes:
        """The value. Raises Undecipherable where it was changed, or moved."""
        ...


class SubjectKeys(Protocol):
    """The keys of data subjects, by the 16 bytes of their ids. Thread-safe."""

    def for_writing(self, subject: bytes) -> Cipher:
        """The subject's key, made where there is none. Raises Refusal for one that was forgotten."""
        ...

    def for_reading(self, subject: bytes) -> Cipher | None:
        """The subject's key; None once it was destroyed. Raises Undecipherable where there never was one."""
        ...

    def fetch(self, subjects: Collection[bytes]) -> None:
        """Have those keys at hand that there are, with one question for all: who reads next need not wait."""
        ...

    def missing(self, subjects: Collection[bytes]) -> Sequence[bytes]:
        """Those that are not at hand; never waits."""
        ...

    def make(self, subjects: Sequence[bytes]) -> None:
        """Have these keys at hand, made where there are none: who writes next need not wait."""
        ...


class NoKeys:
    """For those who have no keys, and need none: every personal value reads as erased, none can be written."""

    def for_writing(self, subject: bytes) -> Cipher:
        """Raise LookupError."""
        raise LookupError(f"personal data of {UUID(bytes=subject)} cannot be written: open the keys for this")

    def for_reading(self, subject: bytes) -> Cipher | None:  # noqa: ARG002 - the same for everybody
        """None, as if it had been destroyed."""
        return None

    def fetch(self, subjects: Collection[bytes]) -> None:
        """Nothing to fetch."""

    def missing(self, subjects: Collection[bytes]) -> Sequence[bytes]:  # noqa: ARG002 - the same for everybody
        """None that could be had."""
        return ()

    def make(self, subjects: Sequence[bytes]) -> None:
        """Nothing to make."""


def place_of(stream_id: UUID, version: int) -> bytes:
    """Where an encrypted value stands, and so stays: it cannot be moved into another event. 24 bytes."""
    return stream_id.bytes + version.to_bytes(8)


def has_personal(document: bytes, start: int = 0) -> bool:
    """Whether there is anything to reveal from `start` on."""
    return document.find(_MARK, start) >= 0


class PersonalData:
    """Hides and reveals the personal values of documents."""

    def __init__(self, keys: SubjectKeys) -> None:
        """The keys are closed by who opened them."""
        self.keys = keys

    def hide[S: msgspec.Struct](self, document: S, subject: UUID, place: bytes) -> S:
        """A copy to be encoded and nothing else: its personal values are encrypted JSON.

        Empty texts and what is not there stay as they are. Raises InvalidInput for a NUL character, Refusal for a
        subject who was forgotten.
        """
        places = personal_places(type(document))
        return (
            cast("S", _hidden(places, document, _Hiding(self.keys, subject, place, document))) if places else document
        )

    def reveal(self, document: bytes, place: bytes, start: int = 0) -> bytes:
        """The JSON with its personal values from `start` on in the clear, or erased. Raises Undecipherable."""
        first, *rest = document[start:].split(_MARK)
        parts = [document[:start], first]
        before, cipher = b"", None
        for part in rest:
            text, _, after = part.partition(b'"')
            kind, _close, remainder = after.removeprefix(b',"kind":"').partition(b'"}')
            try:
                sealed = binascii.a2b_base64(text)
                if (subject := sealed[:_ID_BYTES]) != before:
                    before, cipher = subject, self.keys.for_reading(subject)
                value = _ERASED[kind] if cipher is None else cipher.decrypt(sealed[_ID_BYTES:], place)
            except (KeyError, ValueError) as error:
                raise Undecipherable("a personal value was changed") from error
            parts += value, remainder
        return b"".join(parts)

    def fetch(self, documents: Iterable[bytes]) -> None:
        """Have the keys of these documents at hand, with one question for all of them."""
        subjects = {subject for document in documents for subject in _SUBJECT.findall(document)}
        if subjects:
            self.keys.fetch({binascii.a2b_base64(subject)[:_ID_BYTES] for subject in subjects})


class _Hiding:
    """What one document's values are encrypted with; the key is asked for when there is something to hide."""

    def __init__(self, keys: SubjectKeys, subject: UUID, place: bytes, document: object) -> None:
        self._keys = keys
        self._subject = subject.bytes
        self._place = place
        self._document = document
        self._cipher: Cipher | None = None

    def encrypted(self, value: object) -> msgspec.Raw:
        """The value as it is stored. Raises InvalidInput for a NUL character."""
        if isinstance(value, str) and "\0" in value:
            topic = getattr(self._document, "TOPIC", type(self._document).__name__)
            raise InvalidInput("text", f"A text in {topic} holds a NUL character (U+0000); leave it out.")
        cipher = self._cipher = self._cipher or self._keys.for_writing(self._subject)
        sealed = self._subject + cipher.encrypt(_encode(value), self._place)
        return msgspec.Raw(_MARK + binascii.b2a_base64(sealed, newline=False) + _KINDS[type(value)])


def _hidden(places: Places, value: Any, hiding: _Hiding) -> Any:  # noqa: ANN401 - a document's part
    """The part with its personal values encrypted; itself where there are none."""
    if value is None or value == "":
        return value
    match places:
        case True:
            return value if isinstance(value, Encrypted) else hiding.encrypted(value)
        case dict():
            hidden = {}
            for name, inner in places.items():
                before = getattr(value, name)
                if (after := _hidden(inner, before, hiding)) is not before:
                    hidden[name] = after
            return replace(value, **hidden) if hidden else value
        case _:
            items = [_hidden(places.each, item, hiding) for item in value]
            return value if all(map(is_, items, value)) else tuple(items)
