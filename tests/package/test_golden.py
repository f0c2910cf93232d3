from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import PackageError
from interlock.package import Golden, Package, golden
from interlock.signature.records import Decoder
from interlock.signature.schema import (
    Boolean,
    Category,
    Classes,
    Integer,
    Number,
    Signature,
    Tensor,
    Text,
    Value,
)

COLUMNS = Signature(
    inputs=(
        Number(name="dose", minimum=0, maximum=10, nullable=True),
        Integer(name="age", nullable=True),
        Boolean(name="smokes", nullable=True),
        Category(name="plan", values=("a", "b"), nullable=True),
        Text(name="note"),
    ),
    output=Value(),
)
FEED = {
    "dose": np.array([0.1, np.nan, 11], np.float32),
    "age": np.array([61, np.nan, 3], np.float32),
    "smokes": np.array([1, np.nan, 0], np.float32),
    "plan": np.array(["a", "", "b"], object),
    "note": np.array(["x", "", "z"], object),
}


def echo(feed: dict[str, Any]) -> dict[str, Any]:
    """A stand-in for a graph: answers the dose, or -1 where it is missing."""
    return {"value": np.nan_to_num(feed["dose"], nan=-1)}


def test_records_are_what_a_caller_would_send() -> None:
    """Plain JSON types: null for missing, short decimals, whole numbers, booleans."""
    assert golden.record(COLUMNS, FEED, 0) == {
        "dose": 0.1,
        "age": 61,
        "smokes": True,
        "plan": "a",
        "note": "x",
    }
    assert golden.record(COLUMNS, FEED, 1) == {
        "dose": None,
        "age": None,
        "smokes": None,
        "plan": None,
        "note": "",
    }


def test_records_decode_to_the_feed_that_they_came_from() -> None:
    """Written and read again, every value is bit for bit what it was."""
    records = [golden.record(COLUMNS, FEED, row) for row in (0, 1)]
    batch = Decoder(COLUMNS).decode(json.dumps(records).encode())
    for name, values in FEED.items():
        np.testing.assert_array_equal(batch.feed[name], values[:2])


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
def test_any_float32_survives_its_short_decimal(values: list[float]) -> None:
    """The shortest decimal of a float32 reads back as the same float32."""
    signature = Signature(inputs=(Tensor(name="t", shape=(3,)),), output=Value())
    feed = {"t": np.array([values], np.float32)}
    body = msgspec.json.encode(golden.record(signature, feed, 0))
    np.testing.assert_array_equal(Decoder(signature).decode(body).feed["t"], feed["t"])


def test_rows_that_the_signature_refuses_are_passed_over() -> None:
    """A golden example is one that the server accepts; row 2 is out of range."""
    found = golden.choose(COLUMNS, FEED, echo(FEED), echo)
    assert [record["age"] for record in found.records] == [None, 61]
    assert [answer["value"] for answer in found.answers] == [-1, pytest.approx(0.1)]


def test_a_sample_without_one_acceptable_row_is_refused() -> None:
    """The message says what is wrong with the first row."""
    feed = {name: values[2:] for name, values in FEED.items()}
    with pytest.raises(PackageError, match=r"row 0: dose .* range \(at \$\.dose"):
        golden.choose(COLUMNS, feed, echo(feed), echo)


def test_each_label_is_covered_sure_middling_and_doubtful() -> None:
    """For every label that the model gives: its most, its middle and its least confident row."""
    signature = Signature(inputs=(Number(name="p"),), output=Classes(labels=("no", "yes", "never")))

    def run(feed: dict[str, Any]) -> dict[str, Any]:
        p = feed["p"].astype(np.float32)
        label = np.where(p > 0.5, "yes", "no").astype(object)
        return {"label": label, "probabilities": np.stack([1 - p, p, np.zeros_like(p)], axis=1)}

    feed = {"p": np.linspace(0, 1, 101, dtype=np.float32)}
    found = golden.choose(signature, feed, run(feed), run)
    given_p = [record["p"] for record in found.records]
    assert given_p == pytest.approx([0, 0.25, 0.5, 1, 0.75, 0.51], abs=0.011)
    assert [answer["label"] for answer in found.answers] == ["no"] * 3 + ["yes"] * 3
    assert golden.uncovered(signature, found) == ["never"]


def test_numbers_are_covered_from_low_to_high() -> None:
    """A regressor's examples lie across its range."""
    feed = {"dose": np.linspace(0, 10, 100, dtype=np.float32)}
    signature = Signature(inputs=(Number(name="dose"),), output=Value())
    found = golden.choose(signature, feed, echo(feed), echo)
    values = sorted(answer["value"] for answer in found.answers)
    assert len(values) == 15
    assert values[0] == 0
    assert values[-1] == 10
    assert golden.uncovered(signature, found) == []


def test_one_row_is_enough() -> None:
    """A sample of one row makes one example."""
    feed = {name: values[:1] for name, values in FEED.items()}
    assert len(golden.choose(COLUMNS, feed, echo(feed), echo).records) == 1


@pytest.mark.parametrize("name", ["beat", "intake", "cost"])
def test_the_graph_gives_the_answers_that_are_written(
    name: str, request: pytest.FixtureRequest
) -> None:
    """Each record, posted by itself, is answered exactly as golden.json says."""
    package: Package = request.getfixturevalue(name)
    found: Golden = package.golden()
    session = ort.InferenceSession(package.graph_path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    decoder = Decoder(package.signature)
    for record, answer in zip(found.records, found.answers, strict=True):

        def run(feed: dict[str, Any]) -> dict[str, Any]:
            return dict(zip(names, session.run(names, feed), strict=True))

        assert golden.expected(package.signature, decoder, record, run) == answer


def test_answers_are_plain_json_without_an_identity(beat: Package, cost: Package) -> None:
    """Label, confidence and probabilities; or a value. No prediction id, no version."""
    answer = beat.golden().answers[0]
    assert set(answer) == {"label", "confidence", "probabilities"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert {answer["label"] for answer in beat.golden().answers} == {"flat", "loud", "wave"}
    assert set(cost.golden().answers[0]) == {"value"}
