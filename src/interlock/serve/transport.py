"""A transport that sends the head and the body of a response together.

uvicorn hands them to the transport one after the other, which costs two system calls, two packets
and two wake-ups of the caller. What is written within one turn of the event loop goes as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl


class Corked:
    """Wraps an asyncio transport; all but writing and closing is the transport's own affair."""

    __slots__ = ("_held", "_loop", "_transport", "is_closing", "resume_reading")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        # Asked for with every request: no detour for these.
        self.is_closing = transport.is_closing
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)

    def write_at_once(self, data: bytes) -> None:
        """Write `data`, after what is held, without waiting for the end of the turn."""
        if self._held:
            self.flush()
        self._transport.write(data)

    def flush(self) -> None:
        """Hand over what was written in this turn."""
        held, self._held = self._held, []
        if held and not self.is_closing():  # else the caller has gone in the meantime
            self._transport.write(b"".join(held))

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Patient(FlowControl):
    """Reads no more from a caller while requests that it sent before are `waiting`.

    uvicorn goes on with every answer, so that whoever sends faster than it is answered fills the
    memory.
    """

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()
