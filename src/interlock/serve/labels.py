"""`POST /labels`: the truth about predictions, put on record like the predictions themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from interlock.errors import JournalError, ModelNotFoundError, UnrecordedError
from interlock.journal import labels, record, seal
from interlock.journal.hashing import Hasher
from interlock.journal.labels import Given
from interlock.journal.seal import Sealer
from interlock.serve.journal import Journal
from interlock.serve.request import DisconnectedError, read_body, read_headers
from interlock.serve.served import Served
from interlock.settings import Settings

_log = structlog.get_logger()


class Labels:
    """Takes labels for the journal; without one they are refused.

    `models` gives what is served at this moment: labels have to fit it.
    """

    def __init__(
        self, settings: Settings, journal: Journal | None, models: Callable[[], dict[str, Served]]
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._models = models
        # Reading many labels, and getting a key for each, takes long enough to keep others waiting.
        self._thread = ThreadPoolExecutor(1, "labels")

    def routes(self) -> list[Route]:
        return [Route("/labels", self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """202 and how many there were, once all of them are on record."""
        if self._journal is None:
            raise UnrecordedError(
                "this server keeps no journal, so labels have nowhere to go",
                expected="a server without INTERLOCK_JOURNAL=off",
            )
        limit = self._settings.body_limit
        read_headers(request.scope["headers"], limit)
        try:
            body = await read_body(request.receive, limit)
        except DisconnectedError:
            return Response(status_code=400)
        loop = asyncio.get_running_loop()
        try:
            count, frames = await loop.run_in_executor(self._thread, self._frames, body)
            await self._journal.labelled(frames)
        except JournalError as error:
            _log.error("labels cannot be put on record", reason=str(error))
            raise UnrecordedError(
                "the labels cannot be put on record", headers={"Retry-After": "1"}
            ) from None
        answer = msgspec.json.encode({"accepted": count})
        return Response(answer, 202, media_type="application/json")

    def _frames(self, body: bytes) -> tuple[int, list[bytes]]:
        """How many labels are in `body`, and their frames; see `labels.read` for what it raises."""
        now = datetime.now(UTC)
        given = list(self._checked(body, now))
        kept = labels.records(given, self._hasher, self._sealer, now)
        return len(given), [record.frame(part) for part in kept]

    def _checked(self, body: bytes, now: datetime) -> Iterator[Given]:
        models = self._models()
        given = labels.read(body)
        several = body.lstrip()[:1] == b"["
        for index, one in enumerate(given):
            path = f"$[{index}]" if several else "$"
            labels.check_time(one, now, path)
            served = _served(one, models, path)
            yield one if served is None else labels.check(one, served.signature.output, path)

    @cached_property
    def _hasher(self) -> Hasher:
        return Hasher(self._settings)

    @cached_property
    def _sealer(self) -> Sealer:
        return seal.of(self._settings)


def _served(given: Given, models: dict[str, Served], path: str) -> Served | None:
    """What a label is about, as far as that is known here."""
    if given.deployment is None:
        return next(iter(models.values())) if len(models) == 1 else None
    if given.deployment not in models:
        raise ModelNotFoundError(
            f"no model is called {given.deployment!r} here",
            path=f"{path}.deployment",
            expected=f"{', '.join(sorted(models))}, or no deployment at all",
            got=given.deployment,
        )
    return models[given.deployment]
