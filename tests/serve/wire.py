"""HTTP by hand, over a socket: what client libraries would never send, or in pieces."""

from __future__ import annotations

import json
import socket
import time
from typing import Any, NamedTuple, Self


class Answer(NamedTuple):
    """One response as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def post(body: Any, address: str = "/predict/beat", *headers: str, version: str = "1.1") -> bytes:
    """A request with a Content-Length; `body` is made JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {address} HTTP/{version}", "Host: x", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + content


def get(address: str, *headers: str, method: str = "GET") -> bytes:
    """A request without a body."""
    return "\r\n".join([f"{method} {address} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


class Wire:
    """One connection to a server, closed with the `with` block."""

    def __init__(self, url: str, *, timeout: float = 20.0) -> None:
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def ask(self, request: bytes) -> Answer:
        self.send(request)
        return self.answer()

    def send(self, *parts: bytes, pause: float = 0.0) -> None:
        """Send each part in a packet of its own."""
        for part in parts:
            self.socket.sendall(part)
            time.sleep(pause)

    def answer(self, *, head: bool = False) -> Answer:
        """The next response; `head` says that it has no body, whatever its length says."""
        line = self._file.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers = {}
        while (field := self._file.readline()) != b"\r\n":
            name, _, value = field.decode("latin-1").partition(":")
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value.strip()
        status = int(line.split()[1])
        length = 0 if head or status == 100 else int(headers["content-length"])
        return Answer(status, headers, self._file.read(length))

    def rest(self) -> bytes:
        """Everything until the server closes the connection."""
        return self._file.read()

    def is_quiet(self, seconds: float = 0.1) -> bool:
        """Whether the connection is open and nothing comes."""
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) != b"" and False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(before)
