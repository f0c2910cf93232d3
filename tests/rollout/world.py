"""A world with users: its clock is ours, its database, records and registry are real."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa

from interlock import policy
from interlock.evidence.verdict import Verdict
from interlock.journal.payload import Writer
from interlock.journal.record import Answer, Failure, Label, Record, Row
from interlock.journal.sinks.sql import SqlSink
from interlock.policy import Policy
from interlock.registry import Evidence, Registry
from interlock.rollout.controller import Controller, Outcome
from interlock.rollout.orders import Orders
from interlock.routing.route import Arm, Route
from interlock.signature import Classes, Number, Signature
from interlock.state import database, events, routes, schema
from interlock.state.rollouts import Record as Rollout
from interlock.state.rollouts import Rollouts

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
INTERVAL = 60
CLASSES = ("normal", "other")

POLICY = """
[model]
name = "ecg"

[rollout]
interval = 60.0
settle = 0.0
least_seconds = 120.0
least_rows = 50
margin = 0.05
steps = [0.1, 0.5, 1.0]
"""


class Wrong(msgspec.Struct, kw_only=True):
    """How often a version is wrong, fails and refuses what it is sent, and how long it takes."""

    wrong: float = 0.1
    failing: float = 0.0
    refusing: float = 0.0
    latency: float = 0.002


class World:
    """Users of `ecg`, who are answered as the route table says; one version is as good as told."""

    def __init__(
        self, home: Path, registry: Registry, make_package: Callable[..., Path], url: str = ""
    ) -> None:
        self._make_package = make_package
        self.home = home
        self.url = url or f"sqlite:///{home / 'journal.db'}"
        self.engine = database.engine(self.url)
        schema.ensure(self.engine)
        self.registry = registry
        self.now = START
        self.random = np.random.default_rng(11)
        self.versions: dict[str, Wrong] = {"1.0.0": Wrong(), "1.1.0": Wrong()}
        self.rollouts = Rollouts(self.engine)
        self.maturity = 0.0
        self.numeric = False
        self._sink = SqlSink(self.url, "tests")
        self._numbers = count(1)
        # Answers are written as they are: one writer does for classes and for numbers.
        signature = Signature(inputs=(Number(name="age"),), output=Classes(labels=CLASSES))
        self._writer = Writer(signature)

    def close(self) -> None:
        self.engine.dispose()
        self._sink.close()

    def clock(self) -> int:
        return self.now

    def controller(self, engine: sa.Engine | None = None, **options: Any) -> Controller:
        """A controller that has just been started."""
        return Controller(engine or self.engine, self.registry, now=self.clock, **options)

    def orders(self) -> Orders:
        return Orders(self.engine, self.registry, actor="ann", now=self.clock)

    def start(self, text: str = "", version: str = "1.1.0", **changes: Any) -> Rollout:
        """Begin a rollout that a person has let through."""
        return self.orders().start(version, rules(text, **changes), reason="a test", force=True)

    def route(self) -> Route:
        """Who answers by now."""
        with self.engine.connect() as connection:
            kept = routes.read(connection, "ecg")
        if kept is not None:
            return msgspec.json.decode(kept.document, type=Route)
        champion = self.registry.resolve("ecg@champion")
        arm = Arm(name="champion", version=champion.version, digest=champion.digest, share=1.0)
        return Route(deployment="ecg", revision=0, salt="", arms=(arm,))

    def judge(self, verdict: Verdict) -> None:
        """Put on record what the one gate that the policy needs found about 1.1.0."""
        version = self.registry.resolve("ecg:1.1.0")
        found = Evidence(
            name="ecg",
            version=version.version,
            digest=version.digest,
            compares=False,
            gate="parity",
            verdict=verdict,
            sentence="parity says so",
            figures={},
            policy="sha256:p",
            needs={"champion": ["parity"], "staging": []},
            run="r",
        )
        self.registry.record([found])

    def third(self) -> str:
        """Register another version, 1.2.0."""
        self.registry.register(self._make_package(version="1.2.0", weights="1.2.0"))
        return "1.2.0"

    def shares(self) -> dict[str, float]:
        return {arm.version: arm.share for arm in self.route().arms}

    def serve(
        self,
        requests: int,
        seconds: int = INTERVAL,
        *,
        labelled: float = 1.0,
        keys: int = 0,
        rows: int = 1,
    ) -> None:
        """Let time pass in which that many are answered; labels come after half the maturity.

        The `rows` of one request are alike: right or wrong together.
        """
        route = self.route()
        moments = np.sort(self.random.integers(0, seconds * SECOND, requests)) + self.now
        records: list[Record] = []
        for moment in moments.tolist():
            key = b"key %012d" % self.random.integers(keys) if keys else None
            told = self.random.random() < labelled
            records += self._answered(route, moment, key, told, rows)
        if records:
            self._sink.write("segment", records, next(self._numbers))
        self.now += seconds * SECOND

    def run(
        self, intervals: int, requests: int = 200, controller: Controller | None = None, **how: Any
    ) -> list[Outcome]:
        """Serve and look, interval by interval, until the rollout ends; the last outcomes."""
        controller = controller or self.controller()
        outcomes: list[Outcome] = []
        for _ in range(intervals):
            self.serve(requests, **how)
            outcomes = controller.tick() or outcomes
            if self.rollouts.running("ecg") is None:
                break
        return outcomes

    def last(self) -> Rollout:
        """The newest rollout."""
        return self.rollouts.history("ecg", 1)[0]

    def told(self) -> list[str]:
        """What happened to it, in single words."""
        return [event.event for event in events.read(self.engine, self.last().id)]

    def sentence(self) -> str:
        """Why the last thing happened."""
        return events.read(self.engine, self.last().id)[-1].sentence

    def _answered(
        self, route: Route, moment: int, key: bytes | None, labelled: bool, rows: int
    ) -> Iterator[Record]:
        drawn = self.random.random()
        if key is not None:
            drawn = int.from_bytes(key[-3:]) * 0.61803398875 % 1
        arm = _arm(route, drawn)
        truth: Any = CLASSES[int(self.random.random() < 0.3)]
        if self.numeric:
            truth = float(self.random.normal(50, 10))
        how = self.versions[arm.version]
        if status := self._lost(how):
            yield self._failure(moment, arm.version, arm.name, status)
            return
        primaries = self._rows(how, truth, [None] * rows)
        yield self._answer(moment, arm.version, arm.name, primaries, key)
        for shadow in route.shadows:
            if status := self._lost(self.versions[shadow.version]):
                yield self._failure(moment, shadow.version, "shadow", status)
                continue
            second = self._rows(self.versions[shadow.version], truth, [one.id for one in primaries])
            yield self._answer(moment, shadow.version, "shadow", second, key)
        if labelled:
            received = moment + round(self.maturity / 2 * SECOND)
            value = msgspec.msgpack.encode(truth)
            yield [
                Label(id=self._id(), value=value, received=received, prediction=one.id)
                for one in primaries
            ]

    def _lost(self, how: Wrong) -> int:
        """The status of what is not answered; 0 when it is."""
        drawn = self.random.random()
        if drawn < how.failing:
            return 500
        return 400 if drawn < how.failing + how.refusing else 0

    def _failure(self, moment: int, version: str, arm: str, status: int) -> Failure:
        return Failure(
            id=self._id(),
            moment=moment,
            deployment="ecg",
            door="plain",
            code="internal_error" if status == 500 else "out_of_range",
            status=status,
            latency=self.versions[version].latency,
            version=version,
            arm=arm,
        )

    def _rows(self, how: Wrong, truth: Any, primaries: Sequence[str | None]) -> list[Row]:
        right = self.random.random() >= how.wrong
        answer = _number(truth, right) if self.numeric else _class(truth, right)
        feed = {"age": np.array([61], np.float32)}
        payload = self._writer.rows(feed, [answer], None)[0]
        return [Row(id=self._id(), payload=payload, primary=primary) for primary in primaries]

    def _answer(
        self, moment: int, version: str, arm: str, rows: list[Row], key: bytes | None
    ) -> Answer:
        latency = self.versions[version].latency * self.random.uniform(0.8, 1.2)
        return Answer(
            moment=moment,
            deployment="ecg",
            version=version,
            arm=arm,
            door="plain",
            latency=latency,
            rows=rows,
            key=key,
        )

    def _id(self) -> str:
        return f"{next(self._numbers):032x}"


def rules(text: str = "", **changes: Any) -> Policy:
    """The policy of these tests with other values in its table [rollout]."""
    lines = [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in changes.items()]
    base = [line for line in POLICY.splitlines() if line.partition(" =")[0] not in changes]
    return policy.parse("\n".join([*base, *lines, text]))


def _class(truth: str, right: bool) -> dict[str, Any]:
    label = truth if right else CLASSES[1 - CLASSES.index(truth)]
    odds = {name: 0.9 if name == label else 0.1 for name in CLASSES}
    return {"label": label, "confidence": 0.9, "probabilities": odds}


def _number(truth: float, right: bool) -> dict[str, Any]:
    return {"value": truth if right else truth + 20.0}


def _arm(route: Route, drawn: float) -> Arm:
    for arm in route.arms[1:]:
        if drawn < arm.share:
            return arm
        drawn -= arm.share
    return route.arms[0]
