"""The socket that all workers listen on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from interlock.errors import ConfigurationError
from interlock.serve import listener
from interlock.settings import Settings


@pytest.fixture(params=["127.0.0.1", "::1"])
def door(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """A listening socket on a free port."""
    try:
        door = listener.bind(Settings(host=request.param, port=0))
    except ConfigurationError:
        pytest.skip("this machine has no IPv6")
    with door:
        door.settimeout(5)
        yield door


def caller(door: socket.socket, timeout: float = 5) -> socket.socket:
    return socket.create_connection(door.getsockname()[:2], timeout=timeout)


def test_address_can_be_called(door: socket.socket) -> None:
    """The URL has the port that was picked, and brackets around an address of IPv6."""
    port = door.getsockname()[1]
    host = "[::1]" if door.family == socket.AF_INET6 else "127.0.0.1"
    assert listener.address(door) == f"http://{host}:{port}"


def test_who_was_let_in_before_the_door_was_shut_is_served(door: socket.socket) -> None:
    """A caller in the backlog can still send, be accepted, and read the answer."""
    with caller(door) as early:
        listener.keep_out(door)
        early.sendall(b"hello")
        accepted, _ = door.accept()
        with accepted:
            assert accepted.recv(10) == b"hello"
            accepted.sendall(b"welcome")
            assert early.recv(10) == b"welcome"


def test_who_stands_at_the_door_when_it_is_shut_gets_in(door: socket.socket) -> None:
    """A caller who had begun to connect, and was not in the backlog yet, can finish."""
    # So the kernel leaves the caller half-way until the first bytes come.
    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
    with caller(door) as early:
        listener.keep_out(door)
        door.setblocking(False)
        with pytest.raises(BlockingIOError):
            door.accept()
        door.settimeout(5)
        early.sendall(b"hello")
        accepted, _ = door.accept()
        with accepted:
            assert accepted.recv(10) == b"hello"


def test_newcomers_are_not_let_in_while_the_socket_is_open(door: socket.socket) -> None:
    """Nobody gets behind the last look at the backlog."""
    listener.keep_out(door)
    with pytest.raises(TimeoutError):
        caller(door, timeout=0.3)
    door.setblocking(False)
    with pytest.raises(BlockingIOError):
        door.accept()


def test_newcomers_are_refused_once_the_socket_is_closed(door: socket.socket) -> None:
    """Who knocks between shutting and closing is told no within seconds, and is not reset."""
    listener.keep_out(door)
    closing = threading.Timer(0.2, door.close)
    closing.start()
    started = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        caller(door)
    assert time.monotonic() - started < 3
    closing.join()
