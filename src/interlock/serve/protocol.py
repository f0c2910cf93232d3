"""uvicorn's HTTP protocol with a short way for what can be answered at once.

An inference request whose model runs inline needs no task, no ASGI messages and no second write:
when its last byte is parsed, the answer goes out. Whatever is unusual about a request (no
Content-Length, an Expect header, a caller that does not read, another request still under way)
takes uvicorn's own way through the same application, and so does everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from interlock.errors import HeaderSizeError, MalformedError, RequestError
from interlock.serve.app import HANDED, App
from interlock.serve.doors import Door, Reply, plain_refusal
from interlock.serve.request import Headers, Pairs, read_headers
from interlock.serve.transport import Corked, Patient

_log = structlog.get_logger()

_OFFER = (b"connection", b"upgrade", b"http2-settings")
_GRACE = 1.0  # seconds in which a silent caller may still ask something when the server stops
_HEAD_LIMIT = 256 * 1024  # bytes of a request line and headers that may come without an end


class Protocol(HttpToolsProtocol):
    """One connection. The application must be an `App`, not wrapped in middleware."""

    _common: ClassVar[tuple[Pairs, bytes]] = ([], b"")
    """Headers of every response, as a list and as the bytes of it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._app: App = self.app
        self._door: Door | None = None
        self._wanted: Headers | None = None
        self._chunks: list[bytes] = []
        self._asked = False
        self._last = False
        self._keep = True
        self._modern = False
        self._active = 0.0
        self._head = -1  # bytes of an unfinished head; -1 between a head and the next message

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._corked = Corked(transport, self.loop)
        super().connection_made(self._corked)  # type: ignore[arg-type]
        self.flow = Patient(self._corked, self.pipeline)  # type: ignore[arg-type]
        self._rest()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            _log.info("refused what is not HTTP", reason=type(error).__name__)
            self._refuse(MalformedError("this is not a request in HTTP/1.1"))
            return
        if self._head >= 0:
            self._head += len(data)
            if self._head > _HEAD_LIMIT:
                self._refuse(
                    HeaderSizeError(
                        "address and headers are too large", expected=f"at most {_HEAD_LIMIT} bytes"
                    )
                )

    def eof_received(self) -> bool:  # type: ignore[override]
        """A caller that has nothing more to say may still wait for an answer."""
        return self._ends_with_answer()

    def _decline(self, rest: bytes) -> None:
        """Read a request again as if it had not offered another protocol.

        The parser takes it that the other protocol begins where the head ends, and leaves the body.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(MalformedError("this server is no proxy"))
            return
        kept = [header for header in self.headers if header[0] not in _OFFER]
        self.data_received(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self.url, _lines(kept), rest))

    def _refuse(self, error: RequestError) -> None:
        """Answer what cannot be read as a request, after what was asked before it; hang up."""
        if not self._ends_with_answer():
            self._keep = False
            self._send(Reply(plain_refusal(error), status=error.status))

    def _ends_with_answer(self) -> bool:
        """Whether an answer is still to come; the connection ends after it."""
        if self._pending():
            self.cycle.keep_alive = False
            return not self.cycle.more_body
        self._keep = False
        return self._asked

    def on_message_begin(self) -> None:
        # The ASGI scope that uvicorn makes here is made when it turns out to be needed.
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._door = None
        self._head = 0

    def on_headers_complete(self) -> None:
        self._head = -1
        if self.parser.should_upgrade():
            return  # see `_decline`
        door = self._short_way()
        if door is None:
            self._long_way()
        else:
            self._door = door
            self._chunks = []

    def _short_way(self) -> Door | None:
        """The door that may answer this request at once, if everything about it is usual."""
        door = self._app.hot.get(self.url)
        if (
            door is None
            or self.parser.get_method() != b"POST"
            or self.expect_100_continue
            or self.flow.write_paused
            or self._busy()
            or self._corked.is_closing()
            or not (self._modern or self._is_modern())
        ):
            return None
        try:
            self._wanted = read_headers(self.headers, self._app.body_limit)
        except RequestError:
            return None
        return door if self._wanted.length is not None else None

    def _is_modern(self) -> bool:
        """Whether HTTP/1.1 is spoken; asked once a connection, because the parser is slow."""
        self._modern = self.parser.get_http_version() == "1.1"
        return self._modern

    def _long_way(self) -> None:
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers += headers
        super().on_headers_complete()
        if self._last:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        if self._door is None:
            super().on_body(body)
        else:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        door, wanted = self._door, self._wanted
        if door is None or wanted is None:
            if not self.parser.should_upgrade():
                super().on_message_complete()
            return
        self._door = None
        self._keep = self.parser.should_keep_alive() and not self._last
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._asked = True  # before asking: a refusal is sent, and this undone, at once
        if handed := self._app.ask(door, wanted, body, self._send):
            self._asked = False
            self._long_way()
            self.scope["state"][HANDED] = handed
            self.cycle.keep_alive = self._keep
            super().on_body(body)
            super().on_message_complete()

    def _send(self, reply: Reply) -> None:
        self._asked = False
        if self._corked.is_closing():
            return  # the caller has gone
        self._corked.write_at_once(
            b"%b%bcontent-type: %b\r\ncontent-length: %d\r\n\r\n%b"
            % (
                STATUS_LINE[reply.status],
                self._extra_headers(reply),
                reply.media,
                len(reply.body),
                reply.body,
            )
        )
        if not self._keep:
            self._corked.close()
        # What is in the pipeline waits for a request that came after this one.
        self.server_state.total_requests += 1
        self._rest()

    def _extra_headers(self, reply: Reply) -> bytes:
        state = self.server_state
        made, common = Protocol._common
        if made is not state.default_headers:  # uvicorn replaces the list every second
            common = _lines(state.default_headers)
            Protocol._common = (state.default_headers, common)
        if self._keep and not reply.headers:
            return common
        return common + _lines(reply.headers) + (b"" if self._keep else b"connection: close\r\n")

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._corked.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        self._rest()

    def _rest(self) -> None:
        """Note that something happened. One timer a connection looks for long silences."""
        self._active = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._arm(self.timeout_keep_alive)

    def _arm(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        silent = self.loop.time() - self._active
        if self._busy() or silent < self.timeout_keep_alive:
            self._arm(max(1.0, self.timeout_keep_alive - silent))
        else:
            self._corked.close()

    def _unset_keepalive_if_required(self) -> None:
        """Called by uvicorn with every read; here the timer runs on and looks at the clock."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    def _busy(self) -> bool:
        return self._pending() or self._asked or self._door is not None

    def _pending(self) -> bool:
        """Whether the last request that went uvicorn's way is still without an answer."""
        return self.cycle is not None and not self.cycle.response_complete

    def shutdown(self) -> None:
        """Called when the server stops: finish what has begun, and what is on its way, then close.

        A caller that keeps its connection may be sending at this very moment: its next answer says
        that the connection closes. One that is silent for a moment is hung up on.
        """
        self._last = True
        self._keep = False
        if self._pending():
            self.cycle.keep_alive = False
        elif not self._busy():
            self.loop.call_later(_GRACE, self._hang_up)

    def _hang_up(self) -> None:
        if not self._busy():
            self._corked.close()


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
