"""Redaction: what is sensitive does not stand in payloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from interlock.errors import SignatureError
from interlock.journal import payload, redaction
from interlock.journal.hashing import Hasher
from interlock.settings import Settings
from interlock.signature import Classes, Integer, Number, Signature, Tensor, Text, Value

VISIT = Signature(
    inputs=(
        Number(name="age"),
        Text(name="diary", sensitive="omit"),
        Text(name="street", sensitive="hash", nullable=True),
        Integer(name="patient"),
    ),
    output=Value(),
)
FEED = {
    "age": np.array([61, 33, 33], np.float32),
    "diary": np.array(["cried", "slept", "ate"], object),
    "street": np.array(["Elm Street", "", "Elm Street"], object),
    "patient": np.array([4711, 4712, 4711]),
}
ANSWERS: list[Any] = [{"value": 1.0}, {"value": 2.0}, {"value": 3.0}]


@pytest.fixture
def hasher(tmp_path: Path) -> Hasher:
    """With a key of its own."""
    return Hasher(Settings(home=tmp_path))


def recorded(writer: payload.Writer) -> list[dict[str, Any]]:
    """The inputs of the three rows, as they are read back."""
    return [payload.read(row).inputs for row in writer.rows(FEED, ANSWERS, None)]


def test_sensitive_inputs_are_left_out_or_hashed(hasher: Hasher) -> None:
    """The others stand as they came; what is missing stays missing."""
    first, second, third = recorded(payload.Writer(VISIT, hasher))
    assert first.keys() == {"age", "street", "patient"}
    assert (first["age"], first["patient"]) == (61.0, 4711)
    assert second["street"] is None
    assert len(first["street"]) == 32
    assert first["street"] == third["street"] != "Elm Street"


def test_the_input_that_names_the_subject_is_hashed(hasher: Hasher) -> None:
    """Otherwise the record would say in the payload what it hides beside it."""
    first, second, third = recorded(payload.Writer(VISIT, hasher, subject="patient"))
    assert isinstance(first["patient"], str)
    assert first["patient"] == third["patient"] != second["patient"]


def test_nothing_of_it_stands_in_the_bytes(hasher: Hasher) -> None:
    """Neither as text nor as a number."""
    rows = payload.Writer(VISIT, hasher, subject="patient").rows(FEED, ANSWERS, None)
    for secret in (b"cried", b"Elm Street", msgspec.msgpack.encode(4711)):
        assert not any(secret in row for row in rows)


def test_without_a_hasher_all_of_it_is_left_out() -> None:
    """Never in clear, whoever forgot the key."""
    assert recorded(payload.Writer(VISIT, subject="patient"))[0] == {"age": 61.0}


def test_a_hash_says_nothing_across_inputs_and_keys(hasher: Hasher, tmp_path: Path) -> None:
    """The same text in another input, or under another key, has another hash."""
    pair = Signature(
        inputs=(Text(name="a", sensitive="hash"), Text(name="b", sensitive="hash")), output=Value()
    )
    feed = {name: np.array(["same"], object) for name in ("a", "b")}
    other = Hasher(Settings(home=tmp_path / "other"))
    values = [
        payload.read(payload.Writer(pair, key).rows(feed, ANSWERS[:1], None)[0]).inputs
        for key in (hasher, other)
    ]
    assert len({text for inputs in values for text in inputs.values()}) == 4


def test_tensors_are_redacted_like_columns(hasher: Hasher) -> None:
    """A heartbeat can be hashed or left out, one row or many."""
    beats = Signature(
        inputs=(
            Tensor(name="lead", shape=(2,), sensitive="hash"),
            Tensor(name="other", shape=(2,), sensitive="omit"),
        ),
        output=Classes(labels=("a", "b")),
    )
    feed = {name: np.array([[1, 2], [1, 2], [3, 4]], np.float32) for name in ("lead", "other")}
    rows = payload.Writer(beats, hasher).rows(feed, [{"label": "a"}] * 3, None)
    first, second, third = (payload.read(row).inputs for row in rows)
    assert first == second != third
    assert first.keys() == {"lead"}


def test_a_signature_with_nothing_left_still_records_answers() -> None:
    """One row or many."""
    secret = Signature(inputs=(Text(name="diary", sensitive="omit"),), output=Value())
    feed = {"diary": FEED["diary"]}
    rows = payload.Writer(secret).rows(feed, ANSWERS, None)
    assert [payload.read(row) for row in rows] == [
        payload.Payload({}, answer, {}) for answer in ANSWERS
    ]
    assert payload.Writer(secret).rows(feed, ANSWERS[:1], None) == rows[:1]


def test_bodies_are_kept_only_where_nothing_is_sensitive() -> None:
    """The text of a request cannot be redacted: nobody knows what it says."""
    assert not redaction.keeps_bodies(VISIT)
    open_ = Signature(inputs=(Integer(name="patient"),), output=Value())
    assert redaction.keeps_bodies(open_)
    assert not redaction.keeps_bodies(open_, subject="patient")


def test_a_manner_that_does_not_exist_is_refused() -> None:
    """A slip of the pen must not mean that the field is recorded."""
    text = VISIT.to_json().replace(b'"omit"', b'"ommit"')
    with pytest.raises(SignatureError, match=r"Invalid enum value 'ommit'.*inputs\[1\]\.sensitive"):
        Signature.from_json(text)


def test_a_signature_from_before_reads_and_writes_as_it_was() -> None:
    """No package of old gets another digest."""
    old = b'{"inputs":[{"type":"number","name":"age"}],"output":{"type":"value"}}'
    signature = Signature.from_json(old)
    assert signature.inputs[0].sensitive == ""
    assert b"sensitive" not in signature.to_json()
