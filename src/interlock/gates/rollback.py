"""A rollback rehearsed: the real server follows its champion in a registry made for the purpose."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from interlock.errors import RequestError, ServerError
from interlock.gates import connection, load, stress
from interlock.gates.case import Case
from interlock.gates.connection import Request
from interlock.gates.load import Result
from interlock.gates.server import Server
from interlock.gates.step import Step, judged
from interlock.package import Package
from interlock.policy import Infra
from interlock.registry import Registry
from interlock.settings import Settings
from interlock.signature.records import Decoder

_FOR_EVER = 600.0  # seconds; the load is ended by hand
_ATTEMPTS = 2
_LONGEST = 60.0  # seconds until a moved alias must be followed; the policy's limit is judged later
_BETWEEN, _AFTER = 0.3, 0.3  # seconds of load on either side of the rollback
_LOOK = 0.02


def rehearse(case: Case) -> Step:
    """Make the challenger champion under load, then roll back: within time, and nothing fails."""
    champion = case.champion
    if champion is None:
        sentence = "Nothing is live yet, so there is nothing to roll back to."
        return Step("rollback", "passed", sentence)
    if champion.digest == case.challenger.digest:
        sentence = "This version is live already, so there is no other to roll back to."
        return Step("rollback", "passed", sentence)
    place = (case.scratch / "rollback").resolve()
    home = place / "registry"
    registry = Registry(Settings(home=home, actor="infra gate"))
    try:
        for package in (champion, case.challenger):
            registry.register(package.path)
        registry.set_alias(champion.name, "champion", champion.version, "rehearsal")
        arguments = [f"{champion.name}@champion"]
        with Server(place, arguments, workers=2, home=home) as server:
            stage = _Stage(server, registry, champion, case.challenger, case.policy.gates.infra)
            return stage.perform()
    finally:
        registry.close()


class _Stage(NamedTuple):
    """A server that follows an alias, and the two versions between which it moves."""

    server: Server
    registry: Registry
    champion: Package
    challenger: Package
    rules: Infra

    def perform(self) -> Step:
        asked = [*common(self.champion, self.challenger)]
        if not asked:
            _began, took = self._move()
            return judge_unasked(took, self.champion.version, self.rules)
        url, rate = self.server.url, self.rules.rate
        with load.steady(url, asked, rate=rate, seconds=_FOR_EVER) as running:
            began, _took = self._move()
            time.sleep(_AFTER)
            result = running.stop()
        return judge(result, began, self.champion.version, self.rules)

    def _move(self) -> tuple[float, float]:
        """To the challenger and back; when the rollback was asked for, and how long it took.

        That the server has followed the alias once shows that it is watching. A rollback that takes
        too long is tried again: another program may have had the machine to itself.
        """
        began = took = 0.0
        for _ in range(_ATTEMPTS):
            name, version = self.challenger.name, self.challenger.version
            self.registry.set_alias(name, "champion", version, "rehearsal", force=True)
            self._until_served(self.challenger)
            time.sleep(_BETWEEN)
            began = time.monotonic()
            self.registry.rollback(name, "rehearsal")
            self._until_served(self.champion)
            took = time.monotonic() - began
            if took <= self.rules.swap:
                break
        return began, took

    def _until_served(self, package: Package) -> None:
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            health = self.server.health()
            tables = {worker["table"] for worker in health["workers"]}
            if len(tables) == 1 and health["models"][0]["digest"] == package.digest:
                return
            time.sleep(_LOOK)
        raise ServerError(
            f"{_LONGEST:g} s after the alias moved, {package.version} is not served:"
            f"\n{self.server.log()}"
        )


def judge(result: Result, began: float, version: str, rules: Infra) -> Step:
    """Whether every answer that came `swap` seconds after `began` is of `version`, and none failed.

    `began` is when the rollback was asked for, in seconds of `time.monotonic`.
    """
    others = [one for one in result.sent if one.status == 200 and one.version != version]
    former = [one for one in result.sent if one.status == 200 and one.version == version]
    took = max((one.due + one.latency - began for one in others), default=0.0)
    troubles = []
    if result.failed:
        troubles.append(
            f"{len(result.failed)} of {len(result.sent)} requests failed around a rollback:"
            f" {result.troubles[0]}."
        )
    if took > rules.swap or not former:
        still = others[-1].version if others else "no version at all"
        troubles.append(
            f"{took:.2f} s after a rollback to {version} requests were still answered by {still}"
            f" (allowed: {rules.swap:g} s)."
        )
    if not [one for one in others if one.due < began]:
        troubles.append("The challenger answered nothing before the rollback, so nothing is known.")
    return judged(
        "rollback",
        troubles,
        f"Rolled back to {version} under load: {took:.2f} s later every answer was its own, and"
        f" none of {len(result.sent)} requests failed.",
        figures={
            "back to": version,
            "requests": len(result.sent),
            "failed": len(result.failed),
            "last other answer after seconds": took,
        },
        plots=(stress.latency_plot({"answers": result}, "Latency around a rollback"),),
    )


def common(champion: Package, challenger: Package) -> Iterator[Request]:
    """Golden examples that callers of both versions may send; none when the signature broke."""
    decoders = [Decoder(package.signature) for package in (champion, challenger)]
    for record in (*champion.golden().records, *challenger.golden().records):
        body = msgspec.json.encode(record)
        if all(_accepts(decoder, body) for decoder in decoders):
            yield connection.plain(f"/predict/{champion.name}", body)


def judge_unasked(took: float, version: str, rules: Infra) -> Step:
    """Whether every worker served `version` in time, where no request could be sent meanwhile."""
    troubles = []
    if took > rules.swap:
        troubles.append(
            f"{took:.2f} s after a rollback {version} was not yet served by every worker"
            f" (allowed: {rules.swap:g} s)."
        )
    return judged(
        "rollback",
        troubles,
        f"Rolled back to {version}: served by every worker after {took:.2f} s. No request is valid"
        " for both versions, so none was sent meanwhile.",
        figures={"back to": version, "served after seconds": took},
    )


def _accepts(decoder: Decoder, body: bytes) -> bool:
    try:
        decoder.decode(body)
    except RequestError:
        return False
    return True
