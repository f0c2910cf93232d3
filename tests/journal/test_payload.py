"""What is written of a row, and read again."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from interlock.journal import payload
from interlock.journal.payload import Payload, Writer
from interlock.signature import (
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
from interlock.signature.records import Decoder

PATIENT = Signature(
    inputs=(
        Number(name="age"),
        Integer(name="visits", nullable=True),
        Boolean(name="smoker", nullable=True),
        Category(name="plan", values=("basic", "gold")),
        Text(name="note", nullable=True),
    ),
    output=Value(),
)
FIRST = {"age": 61.5, "visits": 3, "smoker": True, "plan": "gold", "note": "hm"}
SECOND = {"age": 7.0, "visits": None, "smoker": None, "plan": "basic", "note": None}
IMAGE = Signature(
    inputs=(Tensor(name="image", shape=(2, 2)), Tensor(name="mask", shape=(3,), dtype="bool")),
    output=Classes(labels=(0, 1)),
)


def written(signature: Signature, body: object, answers: list[dict[str, object]]) -> list[bytes]:
    batch = Decoder(signature).decode(msgspec.json.encode(body))
    return Writer(signature).rows(batch.feed, answers, batch.flags)


@pytest.mark.parametrize("rows", [[FIRST], [SECOND], [FIRST, SECOND]])
def test_columns_come_back_as_they_were_sent(rows: list[dict[str, object]]) -> None:
    """Whole numbers stay whole, missing values missing, one row or several."""
    answers: list[dict[str, object]] = [{"value": float(n)} for n in range(len(rows))]
    kept = written(PATIENT, rows, answers)
    assert [payload.read(one) for one in kept] == [
        Payload(row, answer) for row, answer in zip(rows, answers, strict=True)
    ]
    kinds = {name: type(value) for name, value in payload.record(kept[0]).items()}
    assert kinds == {name: type(value) for name, value in rows[0].items()}


@pytest.mark.parametrize("count", [1, 3])
def test_tensors_come_back_whole(count: int) -> None:
    """Dtype, shape and every bit of the numbers that the model was given."""
    rows = [
        {"image": [[0.1, n], [2**-130, 1e30]], "mask": [True, False, n > 0]} for n in range(count)
    ]
    kept = written(IMAGE, rows, [{"label": n} for n in range(count)])
    for row, one in zip(rows, kept, strict=True):
        inputs = payload.read(one).inputs
        np.testing.assert_array_equal(inputs["image"], np.array(row["image"], np.float32))
        assert inputs["image"].dtype == np.float32
        assert inputs["mask"].tolist() == row["mask"]
    assert payload.read(kept[-1]).answer == {"label": count - 1}


def test_a_record_read_back_asks_the_same_again() -> None:
    """What the plain door is told by it becomes the same feed: that is what a replay needs."""
    row = {"image": [[0.1, 0.2], [0.3, 1e-30]], "mask": [True, False, True]}
    (kept,) = written(IMAGE, row, [{"label": 1}])
    again = Decoder(IMAGE).decode(msgspec.json.encode(payload.record(kept)))
    once = Decoder(IMAGE).decode(msgspec.json.encode(row))
    assert {name: values.tobytes() for name, values in again.feed.items()} == {
        name: values.tobytes() for name, values in once.feed.items()
    }


def test_flags_are_kept_with_the_row_they_belong_to() -> None:
    """And the numbers are those that the model saw: clipped."""
    signature = Signature(
        inputs=(Number(name="age", maximum=120),), output=Value(), out_of_range="clip"
    )
    answers: list[dict[str, object]] = [{"value": 1.0}, {"value": 2.0}]
    first, second = written(signature, [{"age": 7}, {"age": 500}], answers)
    assert payload.read(first) == Payload({"age": 7.0}, {"value": 1.0})
    assert payload.read(second) == Payload({"age": 120.0}, {"value": 2.0}, {"age": "clipped"})
    (alone,) = written(signature, {"age": 500}, answers[:1])
    assert payload.read(alone).flags == {"age": "clipped"}


@pytest.mark.parametrize("count", [1, 2])
def test_rows_of_which_nothing_may_be_kept_still_have_their_answers(count: int) -> None:
    """All inputs are sensitive: the answer is recorded, and no input."""
    signature = Signature(inputs=(Number(name="age", sensitive="omit"),), output=Value())
    answers: list[dict[str, object]] = [{"value": float(n)} for n in range(count)]
    kept = written(signature, [{"age": 61}] * count, answers)
    assert [payload.read(one) for one in kept] == [Payload({}, answer) for answer in answers]


def test_what_is_no_payload_is_refused() -> None:
    """Bytes of something else raise what decoding raises."""
    with pytest.raises(msgspec.DecodeError):
        payload.read(b"\x93\x01\x02\x03")
