"""What every door of the server does with a request before it looks at the model: headers, body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple, TypeAlias

from interlock.errors import (
    BodySizeError,
    MalformedError,
    MediaTypeError,
    RequestError,
)

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

JSON = b"application/json"
BINARY = b"application/octet-stream"


Pairs: TypeAlias = list[tuple[bytes, bytes]]

_WORDS = {
    b"interlock-key": "key",
    b"interlock-subject": "subject",
    b"interlock-caller": "caller",
    b"interlock-version": "version",
}
_WORD = 256  # bytes of a routing key, a subject, a caller's name, or a version
_DIGITS = 18  # more than any length has, and few enough for any integer
_READ = frozenset(
    (
        b"content-type",
        b"content-length",
        b"content-encoding",
        b"interlock-deadline",
        *_WORDS,
        b"inference-header-content-length",
    )
)


class DisconnectedError(Exception):
    """The caller went away before it had sent its request: nobody is there to be answered."""


class Headers(NamedTuple):
    """The request headers that matter here.

    `length` (``Content-Length``) and `json_length` (``Inference-Header-Content-Length``) are in
    bytes, `deadline` (``Interlock-Deadline``) in seconds. `key`, `subject` and `caller` say for the
    record which key a request is routed by, whom it is about, and who asks. `version`
    (``Interlock-Version``) is that of the model that shall answer, whatever the route says.
    """

    length: int | None = None
    json_length: int | None = None
    deadline: float | None = None
    key: str | None = None
    subject: str | None = None
    caller: str | None = None
    version: str | None = None


def read_headers(headers: Iterable[tuple[bytes, bytes]], body_limit: int) -> Headers:
    """Check content type, encoding and length, and pick out the rest.

    Raises
    ------
    MediaTypeError, BodySizeError, MalformedError
        By what is wrong.
    """
    length = json_length = deadline = None
    words: dict[str, str | None] = {}
    media = JSON
    for name, value in headers:
        if name not in _READ:
            continue
        if name == b"content-type":
            media = value
        elif name == b"content-length":
            length = _length(value, body_limit)
        elif name == b"content-encoding":
            _check_encoding(value)
        elif name == b"interlock-deadline":
            deadline = _seconds(value)
        elif name == b"inference-header-content-length":
            json_length = _whole(value, "Inference-Header-Content-Length")
        else:
            field = _WORDS[name]
            words[field] = _word(value, f"Interlock-{field.capitalize()}")
    if media != JSON and not (json_length is not None and media.startswith(BINARY)):
        _check_media(media)
    return Headers(length, json_length, deadline, **words)


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body; raises BodySizeError beyond `limit` bytes, DisconnectedError when cut."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise _too_large(limit, f"{len(body)} bytes")
        return body
    chunks = [body]
    size = len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(limit, f"more than {limit} bytes")
    return b"".join(chunks)


def _check_encoding(value: bytes) -> None:
    if value != b"identity":
        raise MediaTypeError(
            "compressed bodies are not read", expected="no Content-Encoding", got=_text(value)
        )


def _check_media(media: bytes) -> None:
    kind, *parameters = [part.strip().lower() for part in media.split(b";")]
    charset = next((p[8:].strip(b'"') for p in parameters if p.startswith(b"charset=")), b"utf-8")
    if kind != JSON or charset not in (b"utf-8", b"utf8", b"us-ascii"):
        raise MediaTypeError(
            "this address reads JSON in UTF-8", expected="application/json", got=_text(media)
        )


def _length(value: bytes, limit: int) -> int:
    length = _whole(value, "Content-Length")
    if length > limit:
        raise _too_large(limit, f"{length} bytes")
    return length


def _too_large(limit: int, got: str) -> BodySizeError:
    return BodySizeError(
        "the body is too large",
        expected=f"at most {limit} bytes",
        got=got,
        headers={"Connection": "close"},
    )


def _seconds(value: bytes) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise _bad_header("Interlock-Deadline", "seconds above 0, such as 0.25", value)
    return seconds


def _word(value: bytes, header: str) -> str | None:
    """Text of a header; an empty one says nothing."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _bad_header(header, "text in UTF-8", value) from None
    if len(value) > _WORD:
        raise _bad_header(header, f"at most {_WORD} bytes", value)
    return text.strip() or None


def _whole(value: bytes, header: str) -> int:
    if not value.isdigit() or len(value) > _DIGITS:
        raise _bad_header(header, "a whole number of bytes", value)
    return int(value)


def _bad_header(header: str, expected: str, value: bytes) -> RequestError:
    return MalformedError(f"header {header} is not readable", expected=expected, got=_text(value))


def _text(value: bytes) -> str:
    return value[:100].decode("latin-1")
