"""Request bodies: decoded once, strictly, straight into the handler's Struct.

Litestar alone decodes to builtins first and then converts leniently ("5" passes for 5); this takes one pass, refuses
unknown types of content, and names the field at fault.
"""

import re
from collections.abc import Generator
from typing import Any, ClassVar

import msgspec
from litestar.dto import AbstractDTO, DTOConfig
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.handlers import BaseRouteHandler
from litestar.typing import FieldDefinition

from api.call import call_of
from api.problems import INVALID, MALFORMED, MEDIA_TYPE_UNSUPPORTED, FieldError, ProblemError

_PATH = re.compile(r"^(?P<message>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
DECODER = "tiffin.decoder"
"""Where a handler's `opt` holds its body's decoder."""

_NUL_ESCAPE = b"\\u0000"


class JsonBody(AbstractDTO[msgspec.Struct]):
    """Litestar's hook for `data` parameters: one decoder per handler, made at start."""

    config = DTOConfig()
    decoders: ClassVar[dict[str, msgspec.json.Decoder[Any]]] = {}
    """By handler id, as Litestar makes them."""

    @classmethod
    def create_for_field_definition(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,
        backend_cls: Any = None,  # noqa: ANN401, ARG003
    ) -> None:
        """Make the decoder of a handler's body."""
        cls.decoders[handler_id] = msgspec.json.Decoder(field_definition.annotation)

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Generator[DTOFieldDefinition, None, None]:
        """Nothing: the Struct is its own definition."""
        del model_type
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Nothing is nested: the decoder does it all."""
        del field_definition
        return False

    def decode_bytes(self, value: bytes) -> Any:  # noqa: ANN401 - the handler's annotation says what
        """Decode a body. Raises ProblemError 400 (no JSON), 415 or 422 (which names the field)."""
        connection = self.asgi_connection
        content_type = call_of(connection.scope).headers.get(b"content-type")
        if content_type is not None and not _is_json(content_type):
            raise ProblemError(MEDIA_TYPE_UNSUPPORTED, f"{content_type.decode('latin-1')} is not understood here.")
        try:
            body = self._decoder(connection.route_handler).decode(value)
        except msgspec.ValidationError as error:
            raise _invalid(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProblemError(MALFORMED, f"The body is not JSON: {error}.") from None
        except RecursionError:
            raise ProblemError(MALFORMED, "The body is nested too deeply.") from None
        if _NUL_ESCAPE in value and (path := _find_nul(msgspec.to_builtins(body), "")) is not None:
            message = "Leave out NUL characters; they cannot be stored."
            raise ProblemError(INVALID, f"{path}: {message}", errors=[FieldError(field=path, message=message)])
        return body

    @classmethod
    def _decoder(cls, handler: BaseRouteHandler) -> msgspec.json.Decoder[Any]:
        """The handler keeps its own: to work out its id costs a look at all its layers."""
        decoder: msgspec.json.Decoder[Any] | None = handler.opt.get(DECODER)
        if decoder is None:
            decoder = handler.opt[DECODER] = cls.decoders[handler.handler_id]
        return decoder


def _is_json(content_type: bytes) -> bool:
    essence = content_type.partition(b";")[0].strip().lower()
    return essence == b"application/json" or (essence.startswith(b"application/") and essence.endswith(b"+json"))


def _invalid(text: str) -> ProblemError:
    """Turn msgspec's "Expected `int`, got `str` - at `$.lines[0].quantity`" into a named field."""
    match = _PATH.match(text)
    message = match["message"] if match else text
    field = ((match["path"] if match else None) or "$").removeprefix("$").removeprefix(".") or "body"
    if missing := re.match(r"Object missing required field `([^`]+)`", message):
        field, message = _under(field, missing[1]), "Required."
    elif unknown := re.match(r"Object contains unknown field `([^`]+)`", message):
        field, message = _under(field, unknown[1]), "Unknown field; leave it out."
    return ProblemError(INVALID, f"{field}: {message}", errors=[FieldError(field=field, message=message)])


def _under(parent: str, name: str) -> str:
    return name if parent == "body" else f"{parent}.{name}"


def _find_nul(value: Any, path: str) -> str | None:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return path or "body" if "\0" in value else None
    if isinstance(value, dict):
        return next(
            (f for key, v in value.items() if (f := _find_nul(v, f"{path}.{key}".lstrip(".")) or _find_nul(key, path))),
            None,
        )
    if isinstance(value, (list, tuple)):
        return next((found for i, v in enumerate(value) if (found := _find_nul(v, f"{path}[{i}]"))), None)
    return None
