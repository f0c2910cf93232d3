"""New connections, shared out evenly among workers that listen on one socket.

Left to themselves, event loops that share a listening socket let whichever wakes first accept
everything that is waiting, and a client that keeps sixteen connections open then talks to one
worker while the others idle. Here a worker accepts one connection at a time, and one that has more
connections than its least busy sibling gives way for a moment first.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn

from interlock.serve.status import Status

_COURTESY = 0.001  # seconds in which a less busy worker may take a connection


class Server(uvicorn.Server):
    """uvicorn's server on an `Acceptor` in place of the event loop's own accept loop."""

    def __init__(self, config: uvicorn.Config, status: Status, slot: int) -> None:
        super().__init__(config)
        self._status = status
        self._slot = slot
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        self.servers = [  # what uvicorn closes and waits for when it stops
            Acceptor(listener, self, self._status, self._slot)  # type: ignore[misc]
            for listener in sockets or ()
        ]
        self.started = True
        self.accepting.set()

    def protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


class Acceptor:
    """Accepts from a non-blocking `listener` on behalf of one worker."""

    def __init__(self, listener: socket.socket, server: Server, status: Status, slot: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._server = server
        self._status = status
        self._slot = slot
        self._waiting: asyncio.TimerHandle | None = None
        self._closed = False
        self._tasks: set[asyncio.Task[Any]] = set()
        listener.setblocking(False)
        self._loop.add_reader(listener, self._arrived)

    def close(self) -> None:
        """Accept what the kernel has let in already, then nothing any more."""
        self._closed = True
        self._loop.remove_reader(self._listener)
        if self._waiting:
            self._waiting.cancel()
        while self._accept():
            pass

    async def wait_closed(self) -> None:
        """Nothing is left to wait for: connections belong to the server."""

    def _arrived(self) -> None:
        mine = len(self._server.server_state.connections) + len(self._tasks)
        self._status.connections(self._slot, mine)
        if mine > self._status.fewest_connections():
            self._loop.remove_reader(self._listener)
            self._waiting = self._loop.call_later(_COURTESY, self._resume)
        else:
            self._accept()

    def _resume(self) -> None:
        self._accept()
        self._loop.add_reader(self._listener, self._arrived)

    def _accept(self) -> bool:
        """Take one connection; False when there was none to take."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return False  # a sibling was quicker, or the caller has gone
        except OSError as error:
            # Out of descriptors, most likely: the connection waits in the backlog meanwhile.
            self._loop.call_exception_handler({"message": "cannot accept", "exception": error})
            if not self._closed:
                self._loop.remove_reader(self._listener)
                self._waiting = self._loop.call_later(1.0, self._resume)
            return False
        connection.setblocking(False)
        task = self._loop.create_task(self._connect(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _connect(self, connection: socket.socket) -> None:
        try:
            _, made = await self._loop.connect_accepted_socket(self._server.protocol, connection)
        except OSError:
            connection.close()  # it went away between the two calls
            return
        if self._server.should_exit:  # too late to be told of it with the others
            made.shutdown()  # type: ignore[attr-defined]
