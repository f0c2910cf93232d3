"""Sessions over real ONNX graphs: what loads, what runs, and what each failure is called."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interlock.engine import Session
from interlock.errors import EngineError, PackageError
from interlock.signature import (
    Boolean,
    Category,
    Classes,
    Integer,
    Number,
    Signature,
    Tensor,
    Value,
)
from interlock.signature.records import Decoder
from tests.engine.graphs import SIGNATURE, columns, picky, total

COLUMNS = Signature(
    inputs=(
        Number(name="number"),
        Number(name="double", dtype="float64"),
        Integer(name="count"),
        Boolean(name="flag"),
        Category(name="word", values=("é", "b")),
    ),
    output=Value(),
)


def test_run(tmp_path: Path) -> None:
    """Outputs come for any number of rows, straight from what the decoder made."""
    session = Session(total(tmp_path / "model.onnx"), SIGNATURE)
    feed = Decoder(SIGNATURE).decode(b'[{"x": [1, 2]}, {"x": [3, 4]}]').feed
    (value,) = session.run(feed)
    assert value.tolist() == [3, 7]


def test_every_kind_of_column(tmp_path: Path) -> None:
    """Numbers, whole numbers, booleans and strings reach the graph in their dtypes."""
    session = Session(columns(tmp_path / "model.onnx"), COLUMNS)
    body = '{"number": 1.5, "double": 2, "count": 3, "flag": true, "word": "é"}'
    assert session.run(Decoder(COLUMNS).decode(body.encode()).feed)[0].tolist() == [1.5]


def test_session_needs_nothing_but_itself(tmp_path: Path) -> None:
    """A session still runs when its file is gone and memory was tidied."""
    path = total(tmp_path / "model.onnx")
    session = Session(path, SIGNATURE)
    path.unlink()
    gc.collect()
    assert session.run({"x": np.ones((1, 2), np.float32)})[0].tolist() == [2]


def test_several_threads(tmp_path: Path) -> None:
    """One session serves several threads at once, each with its own answer."""
    session = Session(total(tmp_path / "model.onnx"), SIGNATURE)
    wrong: list[int] = []

    def work(number: int) -> None:
        feed = {"x": np.full((1, 2), number, np.float32)}
        wrong.extend(number for _ in range(200) if session.run(feed)[0][0] != 2 * number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_model_that_fails(tmp_path: Path) -> None:
    """A graph that cannot take a value fails as the engine, and works on the next."""
    session = Session(picky(tmp_path / "model.onnx"), SIGNATURE)
    with pytest.raises(EngineError, match="the model failed"):
        session.run({"x": np.full((1, 2), 7, np.float32)})
    assert session.run({"x": np.ones((1, 2), np.float32)})[0].tolist() == [20]


@pytest.mark.parametrize(
    "feed",
    [
        {},
        {"y": np.ones((1, 2), np.float32)},
        {"x": np.ones((1, 3), np.float32)},
        {"x": np.ones((1, 2), np.float64)},
        {"x": "text"},
    ],
)
def test_feed_that_does_not_fit(tmp_path: Path, feed: Any) -> None:
    """Whatever ONNX Runtime says of a wrong feed is an error of ours."""
    session = Session(total(tmp_path / "model.onnx"), SIGNATURE)
    with pytest.raises(EngineError):
        session.run(feed)


@pytest.mark.parametrize("content", [b"", b"not a graph", None])
def test_file_that_is_no_graph(tmp_path: Path, content: bytes | None) -> None:
    """A file that is broken or missing is a package that cannot be used."""
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PackageError, match=r"model\.onnx: ONNX Runtime cannot load"):
        Session(path, SIGNATURE)


@pytest.mark.parametrize(
    "signature",
    [
        Signature(inputs=(Tensor(name="y", shape=(2,)),), output=Value()),
        Signature(inputs=(Tensor(name="x", shape=(2,), dtype="float64"),), output=Value()),
        Signature(inputs=(*SIGNATURE.inputs, Tensor(name="y", shape=(2,))), output=Value()),
    ],
)
def test_graph_with_other_inputs(tmp_path: Path, signature: Signature) -> None:
    """A graph is refused when it is loaded, not at the first request."""
    with pytest.raises(PackageError, match="the graph takes"):
        Session(total(tmp_path / "model.onnx"), signature)


def test_graph_with_other_outputs(tmp_path: Path) -> None:
    """Outputs that the signature promises are there from the start."""
    signature = Signature(inputs=SIGNATURE.inputs, output=Classes(labels=("a", "b")))
    with pytest.raises(PackageError, match="the graph answers"):
        Session(total(tmp_path / "model.onnx"), signature)
