"""Several versions of one model behind one address: real servers, routes from the database."""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from interlock import settings
from interlock.journal.hashing import Hasher
from interlock.package import reader
from interlock.registry import Registry
from interlock.routing.pick import Pick
from interlock.routing.route import Arm, Route
from interlock.serve import table
from interlock.serve.app import HANDED, App
from interlock.serve.lineup import Lineup
from interlock.serve.metrics import Recorder
from interlock.serve.request import Headers
from interlock.serve.served import Served

from .conftest import Running, build_beat, serving
from .recorded import rows
from .routed import Table

RECORD = {"beat": [0.5] * 8}
CALL = {"inputs": [{"name": "beat", "shape": [1, 8], "datatype": "FP32", "data": [0.5] * 8}]}
VERSIONS = ("1.0.0", "1.0.1")


@pytest.fixture
def routed(
    beat_package: Path, second_package: Path, home: Path, registry: Registry
) -> Iterator[Table]:
    """Two versions in the registry, the first of which is champion, and no route so far."""
    for package in (beat_package, second_package):
        registry.register(package)
    registry.set_alias("beat", "champion", "1.0.0", "first")
    routes = Table(home, registry)
    yield routes
    routes.engine.dispose()


def shares(server: Running) -> dict[str, float]:
    """What the worker that answers says of its route, by version; nothing without one."""
    route = server.client.get("/health").json()["models"][0]["route"]
    return {arm["version"]: arm["share"] for arm in route["arms"]} if route else {}


def missing(server: Running) -> list[str]:
    """The versions that the worker that answers could not load."""
    named: list[str] = server.client.get("/health").json()["models"][0]["missing"]
    return named


def settled(server: Running, revision: int) -> bool:
    """Whether every worker has taken up this revision of the table."""
    return {worker["table"] for worker in server.workers()} == {revision}


def ask(server: Running, key: str | None = None, **named: str) -> Any:
    headers = {f"Interlock-{name.capitalize()}": value for name, value in named.items()}
    if key is not None:
        headers["Interlock-Key"] = key
    return server.client.post("/predict", json=RECORD, headers=headers)


def versions(server: Running, keys: list[str]) -> dict[str, str]:
    return {key: ask(server, key).json()["version"] for key in keys}


def test_a_key_is_answered_by_one_version_while_its_share_grows(routed: Table, home: Path) -> None:
    """Over both doors and both workers, as the pick says; the record has the arms."""
    keys = [f"bed {place}" for place in range(60)]
    routed.write(routed.route(0.2))
    with serving(home, "beat", workers=2) as server:
        assert shares(server) == pytest.approx({"1.0.0": 0.8, "1.0.1": 0.2})
        first = versions(server, keys)
        infer = "/v2/models/beat/infer"
        for key in keys:
            answer = httpx.post(server.url + infer, json=CALL, headers={"Interlock-Key": key})
            assert answer.json()["model_version"] == first[key]
        routed.write(routed.route(0.6))
        server.wait_for(partial(settled, server, 2))
        second = versions(server, keys)
        routed.remove()
        server.wait_for(partial(settled, server, 3))
        assert set(versions(server, keys).values()) == {"1.0.0"}
        server.stop()
    pick, hasher = Pick(routed.route(0.2)), Hasher(settings.Settings(home=home))
    assert first == {key: pick(hasher.hash(key, "key")).version for key in keys}
    assert set(first.values()) == set(second.values()) == set(VERSIONS)
    assert all(second[key] == "1.0.1" for key in keys if first[key] == "1.0.1")
    arms = Counter((row["arm"], row["version"]) for row in rows(home))
    assert set(arms) == {("champion", "1.0.0"), ("canary", "1.0.1"), ("live", "1.0.0")}
    assert arms["live", "1.0.0"] == len(keys)


@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_requests_without_a_key_are_shared_out_by_their_ids(
    routed: Table, home: Path, engine: str
) -> None:
    """Within what chance allows, and so that the record tells why each went where it did."""
    route = routed.route(0.3)
    routed.write(route)
    number = 600
    with serving(home, "beat", engine=engine) as server:
        answers = [ask(server).json() for _ in range(number)]
        server.stop()
    drawn = sum(answer["version"] == "1.0.1" for answer in answers)
    assert abs(drawn - 0.3 * number) < 4 * math.sqrt(number * 0.3 * 0.7)
    pick = Pick(route)
    for row in rows(home):
        arm = pick(row["id"].encode())
        assert (row["arm"], row["version"]) == (arm.name, arm.version)


def test_all_rows_of_a_request_are_answered_by_one_version(routed: Table, home: Path) -> None:
    """That of its first id, also where they are too many for the event loop."""
    route = routed.route(0.5)
    routed.write(route)
    with serving(home, "beat", inline_limit="0.0001") as server:
        many = [RECORD] * 5000
        answers = [server.client.post("/predict", json=many).json() for _ in range(12)]
        server.stop()
    pick = Pick(route)
    for answer in answers:
        assert {row["version"] for row in answer} == {
            pick(answer[0]["prediction_id"].encode()).version
        }
    assert {answer[0]["version"] for answer in answers} == set(VERSIONS)


def test_what_the_event_loop_hands_on_is_not_drawn_again(
    beat_package: Path, second_package: Path, tmp_path: Path
) -> None:
    """Drawn twice, whoever answers in a thread would lose requests to who does not."""
    recorder = Recorder(tmp_path, 0)
    current = settings.Settings(home=tmp_path, engine="inline")
    main, other = (table.describe(path) for path in (beat_package, second_package))
    arms = (
        Arm(name="champion", version=main.version, digest=main.digest, share=0.5),
        Arm(name="canary", version=other.version, digest=other.digest, share=0.5),
    )
    route = Route(deployment="beat", revision=1, salt="x", arms=arms)
    served = tuple(Served(one, current, recorder) for one in (main, other))
    body = json.dumps(RECORD).encode()
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> list[tuple[str | None, str]]:
        app = App(current, recorder, None)
        app.swap({"beat": Lineup(replace(main, route=route), served)}, Hasher(current))
        door = app.hot[b"/predict"]
        for one in served:
            one.inline_rows = 0
        ids = []
        for _ in range(20):
            handed = app.ask(door, Headers(), body, lambda reply: pytest.fail(str(reply)))
            assert handed is not None
            scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
            await app(scope | {"state": {HANDED: handed}}, receive, send)
            said = json.loads(sent[-1]["body"])
            ids.append((handed.id, said["prediction_id"]))
            assert said["version"] == handed.door.served.version
        return ids

    pairs = asyncio.run(ask())
    for one in served:
        one.close()
    assert all(drawn == told for drawn, told in pairs)


def test_a_slow_version_loses_no_request_to_a_quick_one(
    beat_package: Path, tmp_path: Path, home: Path, registry: Registry
) -> None:
    """One answers in the event loop, the other in a thread, and both what they were drawn for."""
    slow = build_beat(tmp_path / "slow", previous=beat_package, depth=400)
    for package in (beat_package, slow):
        registry.register(package)
    registry.set_alias("beat", "champion", "1.0.0", "first")
    routes = Table(home, registry, versions=("1.0.0", reader.read(slow).version))
    routes.write(routes.route(0.5))
    routes.engine.dispose()
    number = 300
    with serving(home, "beat", inline_limit="0.0003") as server:
        said = Counter(ask(server).json()["version"] for _ in range(number))
    assert abs(said["1.0.0"] - number / 2) < 4 * math.sqrt(number / 4)


def test_a_version_may_be_asked_for(routed: Table, home: Path) -> None:
    """By header or by a V2 address, a warm one as well; what is not loaded is 404."""
    routed.write(routed.route(0.0))
    with serving(home, "beat") as server:
        assert ask(server).json()["version"] == "1.0.0"
        for version in VERSIONS:
            assert ask(server, "bed 7", version=version).json()["version"] == version
            path = f"/v2/models/beat/versions/{version}"
            assert server.client.get(path).json()["versions"] == list(VERSIONS)
            answer = server.client.post(f"{path}/infer", json=CALL)
            assert answer.json()["model_version"] == version
        unknown = ask(server, version="9.9.9")
        assert unknown.status_code == 404
        assert unknown.json()["error"] == {
            "code": "unknown_version",
            "message": "beat is not served in version 9.9.9",
            "expected": "1.0.0 or 1.0.1",
            "got": "9.9.9",
        }
        contrary = {"Interlock-Version": "1.0.1"}
        path = "/v2/models/beat/versions/1.0.0/infer"
        assert server.client.post(path, json=CALL, headers=contrary).status_code == 404
        server.stop()
    arms = Counter((row["arm"], row["version"]) for row in rows(home))
    assert arms == {("champion", "1.0.0"): 1, ("forced", "1.0.0"): 2, ("forced", "1.0.1"): 2}
    failed = [(row["arm"], row["version"]) for row in rows(home, "failures")]
    assert failed == [(None, None), ("forced", "1.0.0")]


def test_without_a_route_only_the_served_version_may_be_asked_for(
    beat_package: Path, tmp_path: Path
) -> None:
    """The header means the same where there is nothing to choose."""
    with serving(tmp_path, "--package", str(beat_package)) as server:
        assert ask(server, version="1.0.0").status_code == 200
        assert ask(server, version="1.0.1").json()["error"]["code"] == "unknown_version"


def test_a_database_that_is_away_leaves_the_last_route_in_force(routed: Table, home: Path) -> None:
    """It is said once; when it is back, so are its routes."""
    routed.write(routed.route(0.25))
    with serving(home, "beat", watch="0.05") as server:
        with routed.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE interlock_routes RENAME TO elsewhere")
        server.wait_for(lambda: "routes cannot be read" in server.log())
        time.sleep(0.5)
        assert shares(server) == pytest.approx({"1.0.0": 0.75, "1.0.1": 0.25})
        with routed.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO interlock_routes")
        routed.write(routed.route(0.5))
        server.wait_for(lambda: shares(server).get("1.0.1") == 0.5)
        assert server.log().count("routes cannot be read") == 1
        assert server.log().count("routes can be read again") == 1


def test_a_route_is_undone_while_the_registry_is_away(routed: Table, home: Path) -> None:
    """The way back must not depend on what is not needed for it."""
    routed.write(routed.route(1.0))
    with serving(home, "beat", watch="0.05") as server:
        assert ask(server).json()["version"] == "1.0.1"
        (home / "registry.db").rename(home / "elsewhere.db")
        (home / "registry.db").mkdir()
        server.wait_for(lambda: "registry_away" in server.log(), seconds=40)
        routed.remove()
        server.wait_for(lambda: ask(server).json()["version"] == "1.0.0")


def test_a_route_to_what_cannot_be_had_is_not_taken_up(routed: Table, home: Path) -> None:
    """A digest that the registry does not have: said once, and the champion answers on."""
    with serving(home, "beat", watch="0.05") as server:
        routed.write(routed.route(0.5, digest="sha256:" + "0" * 64))
        server.wait_for(lambda: "cannot be fetched" in server.log(), seconds=40)
        time.sleep(0.5)
        assert {ask(server).json()["version"] for _ in range(20)} == {"1.0.0"}
        assert server.log().count("cannot be fetched") == 1


def test_promotion_goes_from_route_to_alias_without_a_step_back(
    routed: Table, home: Path, registry: Registry
) -> None:
    """All of the traffic, then the alias, then no route: the old version is never seen again."""
    routed.write(routed.route(1.0))
    with serving(home, "beat", watch="0.05") as server:
        seen: list[str] = []
        ended = threading.Event()

        def keep_asking() -> None:
            while not ended.is_set():
                seen.append(ask(server).json()["version"])

        asking = threading.Thread(target=keep_asking)
        asking.start()
        try:
            registry.promote("beat", "1.0.1", "champion", "by hand", force=True)
            routed.remove()
            server.wait_for(lambda: shares(server) == {}, seconds=40)
        finally:
            ended.set()
            asking.join()
        assert set(seen) == {"1.0.1"}
        assert server.client.get("/health").json()["models"][0]["reference"] == "beat"


def _longer(found: list[tuple[str, str]], number: int) -> bool:
    return len(found) >= number


def test_ten_thousand_requests_over_changes_of_route_all_succeed_and_are_on_record(
    routed: Table, home: Path
) -> None:
    """A canary that grows and is withdrawn, under load: the record says who answered whom."""
    with serving(home, "beat", workers=2) as server:
        answered: list[tuple[str, str]] = []
        failures: list[str] = []
        ended = threading.Event()

        def keep_asking(caller: int) -> None:
            with httpx.Client(base_url=server.url, timeout=20) as client:
                for number in range(10**6):
                    if ended.is_set():
                        return
                    key = {"Interlock-Key": f"bed {caller} {number % 50}"} if number % 2 else {}
                    response = client.post("/predict", json=RECORD, headers=key)
                    if response.status_code != 200:
                        failures.append(response.text)
                        continue
                    said = response.json()
                    answered.append((said["prediction_id"], said["version"]))

        threads = [threading.Thread(target=keep_asking, args=(caller,)) for caller in range(3)]
        for thread in threads:
            thread.start()
        seconds = []
        try:
            revision = 1
            for share in (0.05, 0.1, 0.25, 0.5, 1.0, None):
                goal = len(answered) + 1700
                begun = time.monotonic()
                routed.write(routed.route(share)) if share is not None else routed.remove()
                revision += 1
                server.wait_for(partial(settled, server, revision), seconds=40)
                seconds.append(time.monotonic() - begun)
                server.wait_for(partial(_longer, answered, goal), seconds=60)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        server.stop()
    assert failures == []
    assert len(answered) >= 10_000
    kept = {row["id"]: row for row in rows(home)}
    assert len(kept) == len(answered)
    assert all(kept[id_]["version"] == version for id_, version in answered)
    arms = {"champion": "1.0.0", "canary": "1.0.1", "live": "1.0.0"}
    assert all(arms[row["arm"]] == row["version"] for row in kept.values())
    assert {row["arm"] for row in kept.values()} == set(arms)
    # The best of them: the machine may be busy with something else.
    assert min(seconds) < 1, f"{seconds} s from the database to the last worker"


def test_a_route_that_is_gone_is_forgotten_by_key_and_by_memory(routed: Table, home: Path) -> None:
    """Versions that no route names are not loaded any more, and cannot be asked for."""
    routed.write(routed.route(0.5))
    with serving(home, "beat") as server:
        info = server.client.get("/metrics").text
        assert 'interlock_route_share{arm="canary",model="beat",version="1.0.1"} 0.5' in info
        assert info.count("interlock_model_info{") == 2
        routed.remove()
        server.wait_for(partial(settled, server, 2))
        assert ask(server, version="1.0.1").status_code == 404
        info = server.client.get("/metrics").text
        assert "interlock_route_share{" not in info
        assert info.count("interlock_model_info{") == 1


def test_a_worker_starts_without_a_canary_that_is_gone_and_has_it_back(
    routed: Table, home: Path
) -> None:
    """Gone from the cache, and for a while from the registry: the champion alone, then the route.

    One worker died, and none after it; nobody who waits for it is refused by a sick server.
    """
    routed.write(routed.route(0.5))
    canary = routed.route(0.5).arms[1].digest
    with serving(home, "beat") as server:
        (home / "artifacts").rename(home / "away")
        shutil.rmtree(home / "cache" / canary.removeprefix("sha256:"))
        os.kill(server.workers()[0]["pid"], signal.SIGKILL)
        server.client.close()
        server.client = httpx.Client(base_url=server.url, timeout=20)
        server.wait_for(lambda: missing(server) == ["1.0.1"])
        assert server.client.get("/health/ready").status_code == 200
        assert shares(server) == {}
        assert {ask(server).json()["version"] for _ in range(20)} == {"1.0.0"}
        assert "the champion answers alone" in server.log()
        server.wait_for(lambda: "a version cannot be fetched" in server.log())
        (home / "away").rename(home / "artifacts")
        server.wait_for(lambda: shares(server) == pytest.approx({"1.0.0": 0.5, "1.0.1": 0.5}), 5)
        assert missing(server) == []
        assert {ask(server).json()["version"] for _ in range(40)} == set(VERSIONS)
        assert server.log().count("a process ended") == 1


def test_a_champion_that_is_gone_is_fetched_for_the_next_worker(routed: Table, home: Path) -> None:
    """Nobody can answer in its place, so the worker dies, but not for long."""
    with serving(home, "beat") as server:
        shutil.rmtree(home / "cache" / routed.route(0.0).arms[0].digest.removeprefix("sha256:"))
        os.kill(server.workers()[0]["pid"], signal.SIGKILL)
        server.client.close()
        server.client = httpx.Client(base_url=server.url, timeout=20)
        server.wait_for(lambda: ask(server).json()["version"] == "1.0.0", 10)
        assert "fetched again what a worker lacks" in server.log()


def test_a_canary_that_cannot_run_is_not_fetched_again_and_again(
    beat_package: Path, make_package: Callable[..., Path], home: Path, registry: Registry
) -> None:
    """Its files are what they should be, only no graph: the champion answers, and that is all."""
    registry.register(beat_package)
    registry.register(make_package("beat", "1.0.1"))
    registry.set_alias("beat", "champion", "1.0.0", "first")
    routes = Table(home, registry)
    routes.write(routes.route(0.5))
    with serving(home, "beat") as server:
        assert missing(server) == ["1.0.1"]
        assert {ask(server).json()["version"] for _ in range(20)} == {"1.0.0"}
        run = home / "run" / str(server.process.pid)
        routes.write(routes.route(0.4))  # seen: whoever fetches is at work
        server.wait_for(lambda: table.read(run).revision > 1)
        time.sleep(1)
        assert table.read(run).revision == 2
        assert server.log().count("the champion answers alone") == 1
    routes.engine.dispose()
