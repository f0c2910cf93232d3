"""One connection to a server, as a careful client keeps it: alive, and renewed when it was closed.

Loaded by the load generator too, so it imports nothing heavy.
"""

from __future__ import annotations

import select
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import msgspec

from interlock.errors import ServerError

_HEADER_LENGTH = "Inference-Header-Content-Length"


class Request(msgspec.Struct, frozen=True):
    """A POST that is ready to go."""

    path: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """Status and body; `json_length` says how much of the body is JSON, None for all of it."""

    status: int
    body: bytes
    json_length: int | None


class Connection:
    """A keep-alive connection to the server at `url`, closed with the ``with`` block.

    What the server has closed while nobody asked is opened anew before the next request, as
    every HTTP client does. A request itself is never sent twice.
    """

    def __init__(self, url: str, *, timeout: float = 20.0) -> None:
        address = urlsplit(url)
        self._url = url
        self._http = HTTPConnection(address.hostname or "", address.port, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def post(self, request: Request) -> Reply:
        """The answer to `request`; raises ServerError when there is none."""
        return self._ask("POST", request.path, request.body, request.headers)

    def get(self, path: str) -> Reply:
        """The answer to a GET; raises ServerError when there is none."""
        return self._ask("GET", path, None, {})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        try:
            if self._dropped():
                self._http.close()
            self._http.request(method, path, body, headers)
            response = self._http.getresponse()
            length = response.headers.get(_HEADER_LENGTH)
            return Reply(response.status, response.read(), int(length) if length else None)
        except (OSError, HTTPException) as error:
            self._http.close()
            raise ServerError(f"{method} {self._url}{path}: {error!r}") from error

    def _dropped(self) -> bool:
        """Whether the server closed the connection: there is something to read, the end of it."""
        waiting = select.poll()
        if self._http.sock is None:
            return False
        waiting.register(self._http.sock, select.POLLIN)
        return bool(waiting.poll(0))


def binary(path: str, head: bytes, tail: bytes) -> Request:
    """A V2 request whose tensors follow its JSON."""
    headers = {"Content-Type": "application/octet-stream", _HEADER_LENGTH: str(len(head))}
    return Request(path, headers, head + tail)


def plain(path: str, body: bytes) -> Request:
    """A request that is all JSON."""
    return Request(path, {"Content-Type": "application/json"}, body)
