"""Shadows answer after the caller has been answered, for the record only, and never in the way."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper, numpy_helper

from interlock import package
from interlock.engine.session import Feed, Outputs
from interlock.journal import payload, segments
from interlock.registry import Registry
from interlock.routing.route import Arm, Route, Shadow
from interlock.serve import metrics, table
from interlock.serve.app import App
from interlock.serve.doors import Plain, Reply
from interlock.serve.journal import Journal
from interlock.serve.lineup import Lineup
from interlock.serve.metrics import Recorder
from interlock.serve.request import Headers
from interlock.serve.served import Served
from interlock.serve.shadow import Answered, Lane
from interlock.serve.turn import Posted
from interlock.settings import Settings

from . import moody
from .conftest import Running, serving
from .recorded import rows
from .routed import Table


def quick() -> onnx.ModelProto:
    """What the moody model takes, answered at once: the number in front, and no failure."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 2])
    value = helper.make_tensor_value_info("value", TensorProto.FLOAT, ["rows"])
    node = helper.make_node("Gather", ["x", "zero"], ["value"], axis=1)
    zero = numpy_helper.from_array(np.array(0), "zero")
    graph = helper.make_graph([node], "quick", [x], [value], [zero])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A quick champion, and a moody version that follows it."""
    folder = tmp_path_factory.mktemp("shadows")
    sample = np.array([[0, 0], [1, 0]] * 10, np.float32)
    paths: list[Path] = []
    for name, graph in (("quick", quick()), ("moody", moody.graph())):
        built = package.build(
            graph,
            name="moody",
            sample=sample,
            signature=moody.SIGNATURE,
            previous=paths[0] if paths else None,
            out=folder / name,
        )
        paths.append(Path(built.path))
    return paths[0], paths[1]


@pytest.fixture
def shadowed(versions: tuple[Path, Path], home: Path, registry: Registry) -> Iterator[Table]:
    """The quick one is champion, the other can be its shadow."""
    known = tuple(registry.register(path).version for path in versions)
    registry.set_alias("moody", "champion", known[0], "first")
    routes = Table(home, registry, "moody", (known[0], known[1]))
    yield routes
    routes.engine.dispose()


def outcomes(server: Running) -> dict[str, int]:
    """What became of shadows so far."""
    lines = server.client.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith("interlock_shadow_requests_total{")]
    counts = {line.split('outcome="')[1].split('"')[0]: float(line.split()[-1]) for line in found}
    return {name: int(count) for name, count in counts.items() if count}


@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_a_shadow_is_on_record_beside_what_the_caller_got(
    shadowed: Table, home: Path, engine: str
) -> None:
    """Row by row, with the primary's id, moment, key and caller, and its own answer."""
    shadowed.write(shadowed.route(0, shadow=1.0))
    headers = {"Interlock-Key": "bed 7", "Interlock-Caller": "ward"}
    with serving(home, "moody", engine=engine) as server:
        body = [moody.record(1), moody.record(0)]
        said = server.client.post("/predict", json=body, headers=headers).json()
        server.wait_for(lambda: outcomes(server) == {"recorded": 1})
        server.stop()
    assert [answer["value"] for answer in said] == [1, 0]
    kept = {row["id"]: row for row in rows(home)}
    seconds = [row for row in kept.values() if row["arm"] == "shadow"]
    assert len(kept) == 4
    assert [row["primary_id"] for row in seconds] == [answer["prediction_id"] for answer in said]
    for second, value in zip(seconds, (20, 10), strict=True):
        primary = kept[second["primary_id"]]
        assert (primary["arm"], primary["version"]) == ("champion", shadowed.versions[0])
        assert second["version"] == shadowed.versions[1]
        same = ("moment", "key", "subject", "caller", "door", "deployment")
        assert [second[name] for name in same] == [primary[name] for name in same]
        assert payload.read(second["payload"]).answer["value"] == value


def test_a_shadow_of_a_share_follows_that_share(shadowed: Table, home: Path) -> None:
    """By key: the same keys each time."""
    shadowed.write(shadowed.route(0, shadow=0.3))
    with serving(home, "moody") as server:
        for place in range(300):
            headers = {"Interlock-Key": f"bed {place % 150}"}
            server.client.post("/predict", json=moody.record(1), headers=headers)
        server.wait_for(lambda: outcomes(server).get("recorded", 0) > 60)
        server.stop()
    arms: dict[str, Counter[bytes]] = {"champion": Counter(), "shadow": Counter()}
    for row in rows(home):
        arms[row["arm"]][row["key"]] += 1
    assert 20 < len(arms["shadow"]) < 75
    assert set(arms["shadow"].values()) == {2}


def test_a_shadow_that_fails_fails_nobody_else(shadowed: Table, home: Path) -> None:
    """The caller is answered; that the version failed is on record, at the primary's moment."""
    shadowed.write(shadowed.route(0, shadow=1.0))
    with serving(home, "moody") as server:
        answers = [server.client.post("/predict", json=moody.record(7)) for _ in range(20)]
        server.wait_for(lambda: outcomes(server) == {"failed": 20})
        server.stop()
    assert [answer.json()["value"] for answer in answers] == [7] * 20
    failures = rows(home, "failures")
    assert {(row["arm"], row["version"], row["status"], row["code"]) for row in failures} == {
        ("shadow", shadowed.versions[1], 500, "internal_error")
    }
    moments = [row["moment"] for row in rows(home)]
    assert [row["moment"] for row in failures] == moments
    assert "a shadow failed" in server.log()


def test_a_slow_shadow_is_left_out_and_slows_nobody(shadowed: Table, home: Path) -> None:
    """Its queue fills, its time runs out: counted; every caller is answered as quickly as ever."""
    shadowed.write(shadowed.route(0, shadow=1.0))
    slow = moody.record(1, 2000)  # far above the deadline in the shadow, nothing in the champion
    with serving(home, "moody", shadow_queue="4", shadow_deadline="0.05") as server:
        begun = time.monotonic()
        seconds = []
        for _ in range(200):
            asked = time.monotonic()
            assert server.client.post("/predict", json=slow).json()["value"] == 1
            seconds.append(time.monotonic() - asked)
        assert time.monotonic() - begun < 20
        server.wait_for(lambda: sum(outcomes(server).values()) == 200, seconds=60)
        found = outcomes(server)
        server.stop()
    assert set(found) == {"full", "late"}
    assert sorted(seconds)[100] < 0.1, "half of the callers waited for the shadow"
    assert Counter(row["arm"] for row in rows(home)) == {"champion": 200}


def test_what_a_tester_forced_has_no_shadow(shadowed: Table, home: Path) -> None:
    """Neither the version that is champion nor the one in the shadow."""
    shadowed.write(shadowed.route(0, shadow=1.0))
    with serving(home, "moody") as server:
        for version, value in zip(shadowed.versions, (1, 20), strict=True):
            headers = {"Interlock-Version": version}
            answer = server.client.post("/predict", json=moody.record(1), headers=headers)
            assert answer.json()["value"] == value
        server.client.post("/predict", json=moody.record(1))
        server.wait_for(lambda: outcomes(server) == {"recorded": 1})
        server.stop()
    assert Counter(row["arm"] for row in rows(home)) == {"forced": 2, "champion": 1, "shadow": 1}


def test_a_server_stops_in_time_whatever_its_shadow_does(shadowed: Table, home: Path) -> None:
    """What waits for a shadow is given up; what was answered is on record."""
    shadowed.write(shadowed.route(0, shadow=1.0))
    with serving(home, "moody") as server:
        for _ in range(10):
            server.client.post("/predict", json=moody.record(1, 500))
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 15
    assert Counter(row["arm"] for row in rows(home))["champion"] == 10


def test_bodies_that_wait_take_no_more_memory_than_two(
    versions: tuple[Path, Path], tmp_path: Path
) -> None:
    """The queue is bounded by bytes as well; who does not fit in is counted as full."""
    segments.folder(tmp_path / "journal").mkdir(parents=True)
    settings = Settings(home=tmp_path, engine="inline", body_limit=2000)
    recorder = Recorder(tmp_path, 0)
    journal = Journal(settings, 0, recorder)
    main, other = (table.describe(path) for path in versions)
    loaded = tuple(Served(one, settings, recorder) for one in (main, other))
    arm = Arm(name="champion", version=main.version, digest=main.digest, share=1.0)
    shadow = Shadow(version=other.version, digest=other.digest)
    route = Route(deployment="moody", revision=1, salt="x", arms=(arm,), shadows=(shadow,))
    deployment = replace(main, route=route, beside=(other,))
    replies: list[Reply] = []

    async def ask() -> None:
        app = App(settings, recorder, None, journal)
        app.swap({"moody": Lineup(deployment, loaded)}, journal.hasher)
        body = json.dumps([moody.record(1, 0)] * 60).encode()
        for _ in range(6):
            assert app.ask(app.hot[b"/predict"], Headers(), body, replies.append) is None
        await asyncio.sleep(0)
        app.close()

    asyncio.run(ask())
    assert [reply.status for reply in replies] == [200] * 6
    full = recorder.counter(metrics.SHADOWS, "moody", other.version, "full")
    assert full._values[full._at] == 2


def test_what_has_no_time_left_is_not_begun_and_leaves_room(
    versions: tuple[Path, Path], tmp_path: Path
) -> None:
    """A shadow that is behind works off nothing that is too late already."""
    segments.folder(tmp_path / "journal").mkdir(parents=True)
    body = json.dumps(moody.record(1, 1000)).encode()
    settings = Settings(home=tmp_path, body_limit=len(body), shadow_deadline=0.05)
    recorder = Recorder(tmp_path, 0)
    journal = Journal(settings, 0, recorder)
    served = Served(table.describe(versions[1]), settings, recorder)
    lane = Lane(served, journal, settings, recorder)
    runs: list[int] = []
    run, door = served.run, Plain(served, "shadow")

    def counted(feed: Feed) -> Outputs:
        runs.append(len(feed["x"]))
        return run(feed)

    served.run = counted
    seen = {
        outcome: recorder.counter(metrics.SHADOWS, served.name, served.version, outcome)
        for outcome in ("full", "late", "failed")
    }

    def take(number: int) -> dict[str, float]:
        for _ in range(number):
            lane.take(door, Answered(Posted(door, Headers(), body, 0.0), ["1"], 0))
        told = {name: counter._values[counter._at] for name, counter in seen.items()}
        return {name: count for name, count in told.items() if count}

    async def go() -> None:
        take(3)  # two bodies fit in, and the second of them has no time when its turn comes
        while take(0) != {"full": 1, "late": 2}:  # noqa: ASYNC110 - a counter tells nobody
            await asyncio.sleep(0.01)
        assert runs == [1]
        take(1)
        while take(0) != {"full": 1, "late": 3}:  # noqa: ASYNC110 - a counter tells nobody
            await asyncio.sleep(0.01)
        assert runs == [1, 1]
        take(2)
        lane.close()
        await asyncio.sleep(0.05)  # for what is given up: that is no failure of the version
        assert take(1) == {"full": 2, "late": 3}

    asyncio.run(asyncio.wait_for(go(), 60))
    journal.close()
    served.close()
