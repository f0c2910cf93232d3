"""Answers through every door, bit for bit as the engine gives them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from interlock import package as packages
from interlock.engine import Session
from interlock.engine.session import Feed
from interlock.errors import ServerError
from interlock.gates import agreement, caller
from interlock.gates.caller import DOORS, Caller, Door
from interlock.gates.connection import Connection, Reply
from interlock.gates.server import serving
from interlock.package import Package
from interlock.signature import Classes, Value, Vector, output_names
from interlock.signature.infer import feeds

from .staged import patients, version


class Served(NamedTuple):
    """A package, rows for it, and where it is served."""

    package: Package
    feed: Feed
    url: str


def forecaster(place: Path) -> tuple[Package, Any]:
    """A tensor model that answers two numbers."""
    signals = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
    model = LinearRegression().fit(signals, signals[:, :2] * 3)
    built = packages.build(
        model, name="next", sample=signals, output=Vector(steps=("a", "b")), out=place / "next"
    )
    return built, signals


def pricer(place: Path) -> tuple[Package, Any]:
    """A record model that answers one number."""
    frame = patients(60)[["age", "dose"]]
    model = LinearRegression().fit(frame, frame["age"] * 100)
    return packages.build(model, name="price", sample=frame, out=place / "price"), frame


def counter(place: Path) -> tuple[Package, Any]:
    """A record model with whole-number labels, a boolean, and a number that may be missing."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    frame = pd.DataFrame({"age": patients(60)["age"], "smoker": np.arange(60) % 3 == 0})
    frame.loc[::7, "age"] = np.nan
    truth = (frame["age"].fillna(0) > 50).astype(int)
    model = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5).fit(frame, truth)
    return packages.build(model, name="count", sample=frame, out=place / "count"), frame


def planner(factory: pytest.TempPathFactory) -> tuple[Package, Any]:
    return version(factory, "1.0.0"), patients(60).drop(columns="outcome")


@pytest.fixture(scope="module", params=["plan", "next", "price", "count"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Models of every kind of input and output, one after the other."""
    place = tmp_path_factory.mktemp("callers")
    makers = {"next": forecaster, "price": pricer, "count": counter}
    make = makers.get(request.param)
    package, sample = make(place) if make else planner(tmp_path_factory)
    with serving(package.path, place) as server:
        yield Served(package, feeds(package.signature, sample), server.url)


def offline(package: Package, feed: Feed) -> dict[str, Any]:
    outputs = Session(package.graph_path, package.signature).run(feed)
    return dict(zip(output_names(package.signature.output), outputs, strict=True))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("rows", [1, 40])
def test_every_door_answers_as_the_engine_does(served: Served, door: Door, rows: int) -> None:
    """One row or many, of any type: the same bits, and the version that answered."""
    feed = {name: values[:rows] for name, values in served.feed.items()}
    with Caller(served.url, served.package) as server:
        found = server.ask(door, feed)
    output = served.package.signature.output
    expected = offline(served.package, feed)
    assert found.version == served.package.version
    assert agreement.differences(output, found.outputs, expected).tolist() == [0.0] * rows
    for name, values in expected.items():
        assert found.outputs[name].shape == values.shape
        assert found.outputs[name].dtype == values.dtype


def test_a_refusal_is_told_in_the_servers_words(served: Served) -> None:
    """What is no answer raises, and says which door said what."""
    field = served.package.signature.inputs[0].name
    feed = dict(served.feed)
    feed[field] = np.full_like(feed[field], np.inf)
    with Caller(served.url, served.package) as server:
        assert server.send("V2 binary", feed).status == 400
        with pytest.raises(ServerError, match=f"the V2 binary door answered 400: .*{field}"):
            server.ask("V2 binary", feed)


def test_a_closed_connection_is_opened_anew(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A caller that kept its connection over a restart is answered, not cut off."""
    package = version(tmp_path_factory, "1.0.0")
    feed = feeds(package.signature, patients(2).drop(columns="outcome"))
    place = tmp_path_factory.mktemp("restarted")
    with serving(package.path, place) as server, Caller(server.url, package) as asking:
        before = asking.ask("plain", feed)
        server.restart()
        after = asking.ask("plain", feed)
    assert np.array_equal(before.outputs["probabilities"], after.outputs["probabilities"])


def test_a_server_that_is_not_there_is_told_by_address() -> None:
    """The one error of ours says where nobody answered."""
    with (
        Connection("http://127.0.0.1:9") as nobody,
        pytest.raises(ServerError, match=r"GET http://127\.0\.0\.1:9/health.*refused"),
    ):
        nobody.get("/health")


@pytest.mark.parametrize(
    ("door", "body"), [("plain", b'{"version": "1"}'), ("V2", b"[]"), ("plain", b"<html>")]
)
def test_an_answer_that_is_none_is_told(door: Door, body: bytes) -> None:
    """A reply of 200 that holds no answer is an error that quotes it."""
    with pytest.raises(ServerError, match="cannot be read"):
        caller.decode(door, Value(), Reply(200, body, None))


def test_another_label_is_infinitely_far() -> None:
    """However close the probabilities are, and whatever the tolerance is."""
    output = Classes(labels=("a", "b"))
    chances = np.array([[0.5, 0.5]], np.float32)
    one = {"label": np.array(["a"], object), "probabilities": chances}
    other = {"label": np.array(["b"], object), "probabilities": chances}
    assert agreement.differences(output, one, other).tolist() == [np.inf]
    assert agreement.differences(output, one, one).tolist() == [0.0]


@pytest.mark.parametrize(
    ("got", "apart"), [(np.nextafter(np.float32(0.1), 1), 0.0), (-0.0, 0.0), (np.nan, 1.0)]
)
def test_the_last_bit_counts(got: float, apart: float) -> None:
    """Any other bit is a difference above 0; what is no number is as far as can be."""
    expected = np.float32(0.0 if got == 0 else 0.1)
    one, other = np.array([got], np.float32), np.array([expected], np.float32)
    (found,) = agreement.differences(Value(), {"value": one}, {"value": other})
    assert found > apart


def test_answers_of_another_shape_are_as_far_as_can_be() -> None:
    """A door that leaves a step out is not compared with what it left in."""
    output = Vector(steps=("a", "b"))
    one, other = np.zeros((2, 1), np.float32), np.zeros((2, 2), np.float32)
    found = agreement.differences(output, {"values": one}, {"values": other})
    assert found.tolist() == [np.inf, np.inf]
