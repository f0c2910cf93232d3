"""Headers and bodies before any model is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from interlock.errors import BodySizeError, MalformedError, MediaTypeError, RequestError
from interlock.serve.request import DisconnectedError, Headers, Message, read_body, read_headers

LIMIT = 100


def read(*headers: tuple[bytes, bytes]) -> Headers:
    return read_headers(headers, LIMIT)


def test_no_header_is_needed() -> None:
    """A body without a type is taken for JSON, without a length it is counted as it comes."""
    assert read() == Headers(None, None, None)


def test_what_matters_is_picked_out() -> None:
    """Length, deadline and the length of the JSON part; all else is passed by."""
    found = read(
        (b"content-length", b"100"),
        (b"interlock-deadline", b"0.25"),
        (b"inference-header-content-length", b"40"),
        (b"content-type", b"application/octet-stream"),
        (b"authorization", b"hush"),
    )
    assert found == Headers(100, 40, 0.25)


@pytest.mark.parametrize(
    "media",
    [
        b"application/json",
        b"application/json; charset=utf-8",
        b'Application/JSON;charset="UTF-8"',
        b"application/json; charset=us-ascii",
        b"application/json; profile=x",
    ],
)
def test_json_is_json_however_it_is_written(media: bytes) -> None:
    """Letters of either case, parameters, quotes."""
    assert read((b"content-type", media)).length is None


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        (b"content-type", b"text/plain", MediaTypeError),
        (b"content-type", b"", MediaTypeError),
        (b"content-type", b"application/json; charset=utf-16", MediaTypeError),
        (b"content-type", b"application/octet-stream", MediaTypeError),
        (b"content-encoding", b"gzip", MediaTypeError),
        (b"content-length", b"101", BodySizeError),
        (b"content-length", b"ten", MalformedError),
        (b"content-length", b"-1", MalformedError),
        (b"content-length", b"", MalformedError),
        (b"content-length", "²".encode("latin-1"), MalformedError),
        (b"content-length", b"9" * 5000, MalformedError),
        (b"interlock-deadline", b"0", MalformedError),
        (b"interlock-deadline", b"-1", MalformedError),
        (b"interlock-deadline", b"nan", MalformedError),
        (b"interlock-deadline", b"inf", MalformedError),
        (b"interlock-deadline", b"soon", MalformedError),
        (b"inference-header-content-length", b"1.5", MalformedError),
        (b"inference-header-content-length", b"9" * 5000, MalformedError),
    ],
)
def test_headers_that_cannot_be_used_are_refused(
    name: bytes, value: bytes, error: type[RequestError]
) -> None:
    """Each with the error of its kind, and with what came, shortened."""
    with pytest.raises(error) as raised:
        read((name, value))
    assert len(raised.value.got or "") <= 120


def body(*messages: Message) -> bytes:
    left: Iterable[Message] = iter(messages)

    async def receive() -> Message:
        return next(left)  # type: ignore[call-overload, no-any-return]

    return asyncio.run(read_body(receive, LIMIT))


def part(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": content, "more_body": more}


def test_bodies_are_put_together() -> None:
    """In one message or many, empty ones among them, up to the limit."""
    assert body(part(b"whole")) == b"whole"
    assert body(part(b"a", more=True), part(b"", more=True), part(b"bc")) == b"abc"
    assert len(body(part(b"x" * 50, more=True), part(b"x" * 50))) == LIMIT
    assert body({"type": "http.request"}) == b""


def test_bodies_beyond_the_limit_are_not_read_to_their_end() -> None:
    """The message that goes beyond it is the last that is looked at."""
    for messages in ([part(b"x" * 101)], [part(b"x" * 60, more=True), part(b"x" * 60, more=True)]):
        with pytest.raises(BodySizeError) as raised:
            body(*messages)
        assert raised.value.headers == {"Connection": "close"}


def test_a_caller_that_leaves_is_no_error_of_the_request() -> None:
    """Before its body or within it."""
    gone: Message = {"type": "http.disconnect"}
    for messages in ([gone], [part(b"x", more=True), gone]):
        with pytest.raises(DisconnectedError):
            body(*messages)
