"""Rows: taken, told apart, fed to a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from interlock.data.rows import Rows
from interlock.errors import EvidenceError, SignatureError
from interlock.signature.schema import Integer, Signature, Value


def rows(**changes: Any) -> Rows:
    """Four rows of two people."""
    facts: dict[str, Any] = {
        "features": pd.DataFrame({"age": [61, 48, 35, 70], "sex": ["f", "m", "m", "f"]}),
        "truth": np.array(["a", "b", "b", "a"], object),
        "index": np.arange(4),
        "time": np.array([4, 3, 2, 1]),
        "group": np.array(["x", "x", "y", "y"], object),
        "columns": {"site": np.array([1, 1, 2, 2])},
    }
    return Rows(**facts | changes)


def test_every_part_is_taken_along() -> None:
    """Taking rows takes their features, truth, time, group and columns in the order asked for."""
    taken = rows().take(np.array([3, 0]))
    assert isinstance(taken.features, pd.DataFrame)
    assert taken.features["age"].tolist() == [70, 61]
    assert taken.features.index.tolist() == [0, 1]
    assert taken.truth.tolist() == ["a", "a"]
    assert taken.index.tolist() == [3, 0]
    assert taken.time is not None
    assert taken.time.tolist() == [1, 4]
    assert taken.columns["site"].tolist() == [2, 1]
    assert taken.event is None


def test_a_mask_takes_rows_of_tensors() -> None:
    """Tensors are taken along their first axis, by a mask as well."""
    beats = {"beat": np.arange(8.0).reshape(4, 2)}
    taken = rows(features=beats).take(np.array([False, True, False, False]))
    assert isinstance(taken.features, dict)
    assert taken.features["beat"].tolist() == [[2.0, 3.0]]


@pytest.mark.parametrize(
    "changes",
    [
        {"features": pd.DataFrame({"age": [61, 48, 35, 71], "sex": ["f", "m", "m", "f"]})},
        {"truth": np.array(["a", "b", "b", "b"], object)},
        {"time": np.array([4, 3, 2, 0])},
        {"group": None},
        {"event": np.array([True, True, False, True])},
    ],
)
def test_other_content_has_another_digest(changes: dict[str, Any]) -> None:
    """One changed value, or one part more or less, is other data."""
    assert rows(**changes).digest != rows().digest


def test_place_and_slices_have_no_say_in_the_digest() -> None:
    """The same rows from another file are the same data; a column for slices changes nothing."""
    assert rows(index=np.arange(4) + 100, columns={}).digest == rows().digest
    assert rows().digest.startswith("sha256:")


def test_the_order_of_rows_and_columns_and_their_types_have_no_say_in_the_digest() -> None:
    """A file sorted otherwise is the same holdout, with no new looks; a row twice is not."""
    shuffled = rows().take(np.array([2, 0, 3, 1]))
    frame = shuffled.features
    assert isinstance(frame, pd.DataFrame)
    other = rows(
        features=frame[["sex", "age"]].astype({"age": "float64", "sex": "category"}),
        truth=shuffled.truth.astype(str),
        time=shuffled.time,
        group=shuffled.group,
    )
    assert other.digest == rows().digest
    assert rows().take(np.array([0, 1, 2, 3, 3])).digest != rows().digest


def test_truth_belongs_to_its_row() -> None:
    """The same features and the same labels, but exchanged between rows, are other data."""
    exchanged = np.array(["b", "a", "b", "a"], object)
    assert rows(truth=exchanged).digest != rows().digest


def test_rows_have_an_order_of_their_own() -> None:
    """However they are sorted before, they end up alike, each with its number in the source."""
    one, other = rows().ordered(), rows().take(np.array([3, 1, 0, 2])).ordered()
    assert one.index.tolist() == other.index.tolist()
    assert one.truth.tolist() == other.truth.tolist() == rows().truth[one.index].tolist()
    assert sorted(one.index.tolist()) == [0, 1, 2, 3]


def test_parts_of_other_length_are_refused() -> None:
    """A truth that is too short is an error that says so."""
    with pytest.raises(EvidenceError, match="not equally long"):
        rows(truth=np.array(["a"]))


def test_feed_is_what_the_graph_takes() -> None:
    """Features go in by the signature's names and types, and no other column does."""
    signature = Signature(inputs=(Integer(name="age"),), output=Value())
    feed = rows().feed(signature)
    assert list(feed) == ["age"]
    assert feed["age"].dtype == np.int64
    with pytest.raises(SignatureError, match="no height"):
        rows().feed(Signature(inputs=(Integer(name="height"),), output=Value()))
