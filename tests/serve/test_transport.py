"""Head and body in one packet, over a real connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import uvloop

from interlock.serve.transport import Corked, Patient


def talk(act: Callable[[Corked, socket.socket], Awaitable[None]]) -> None:
    """Run `act` on the two ends of a connection: a corked transport and a plain socket."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        try:
            await act(Corked(transport, loop), theirs)
        finally:
            theirs.close()
            transport.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def received(theirs: socket.socket) -> bytes:
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(theirs, 1000), 5)


def test_what_is_written_in_one_turn_goes_as_one() -> None:
    """Nothing leaves before the turn ends; then all of it does."""

    async def act(corked: Corked, theirs: socket.socket) -> None:
        corked.write(b"head ")
        corked.write(b"body")
        assert corked.get_write_buffer_size() == 0
        assert await received(theirs) == b"head body"

    talk(act)


def test_what_is_written_at_once_keeps_its_place() -> None:
    """It leaves immediately, and after what was held."""

    async def act(corked: Corked, theirs: socket.socket) -> None:
        corked.write(b"first ")
        corked.write_at_once(b"second")
        assert theirs.recv(5) == b"first"  # there already, without another turn
        await asyncio.sleep(0)
        assert await received(theirs) == b" second"

    talk(act)


def test_closing_sends_what_is_held() -> None:
    """The last answer is not lost, and nothing follows it."""

    async def act(corked: Corked, theirs: socket.socket) -> None:
        corked.write(b"farewell")
        corked.close()
        assert corked.is_closing()
        assert await received(theirs) == b"farewell"
        assert await received(theirs) == b""

    talk(act)


def test_a_caller_that_goes_in_between_is_no_error() -> None:
    """What is held for a transport that was aborted is dropped in silence."""
    errors = []

    async def act(corked: Corked, theirs: socket.socket) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: errors.append(what))
        corked.write(b"too late")
        corked.abort()
        await asyncio.sleep(0.01)
        corked.write(b"far too late")
        await asyncio.sleep(0.01)

    talk(act)
    assert errors == []


def test_reading_goes_on_when_nobody_waits() -> None:
    """As long as earlier requests wait, more are not read, whoever asks for it."""

    async def act(corked: Corked, theirs: socket.socket) -> None:
        waiting = ["a request"]
        flow = Patient(corked, waiting)  # type: ignore[arg-type]
        flow.pause_reading()
        flow.resume_reading()
        assert not corked.is_reading()
        waiting.clear()
        flow.resume_reading()
        assert corked.is_reading()

    talk(act)
