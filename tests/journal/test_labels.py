"""Labels as callers say them: what is one, what fits a model, what goes on record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.errors import EmptyBatchError, MalformedError, OutOfRangeError, RequestError
from interlock.journal import labels, record
from interlock.journal.frame import Frame, unpack
from interlock.journal.hashing import Hasher
from interlock.journal.labels import Given
from interlock.journal.seal import Clear, of, opener
from interlock.settings import Settings
from interlock.signature import Classes, Value, Vector
from interlock.signature.schema import Output

from .privacy import sealing

ID = "01a1fde6-1134-7512-b0aa-42533d7f090b"
TIME = "2026-11-21T14:00:00Z"
NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
RISK = Classes(labels=("no", "yes"))
STEPS = Vector(steps=("one", "two"))


def body(**fields: Any) -> bytes:
    """A label as JSON."""
    return json.dumps(fields).encode()


def test_one_label_or_a_list_is_read() -> None:
    """Both ways of naming a prediction, one by one or together."""
    by_id = {"prediction_id": ID, "label": "yes", "source": "ann", "observed": TIME}
    by_key = {"key": "bed 7", "time": "2026-11-21T15:00:00+01:00", "label": 3, "deployment": "risk"}
    (one,) = labels.read(body(**by_id))
    assert (one.prediction_id, one.label, one.source) == (ID, "yes", "ann")
    two = labels.read(json.dumps([by_id, by_key]).encode())
    assert two[0] == one
    assert two[1].time == one.observed == datetime(2026, 11, 21, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "path", "words"),
    [
        (body(label="yes"), "$", "either prediction_id, or key and time"),
        (body(label="yes", key="bed 7"), "$", "either prediction_id, or key and time"),
        (body(label="yes", time=TIME), "$", "either prediction_id, or key and time"),
        (
            body(label="yes", prediction_id=ID, key="bed 7", time=TIME),
            "$",
            "either prediction_id, or key and time",
        ),
        (body(label="yes", prediction_id="7"), "$", "none that an answer could have had"),
        (body(label="yes", key="ä" * 129, time=TIME), "$", "longer than 256 bytes"),
        (body(label="yes", key="", time=TIME), "$.key", "length >= 1"),
        (body(label=True, prediction_id=ID), "$.label", "got `bool`"),
        (body(label=None, prediction_id=ID), "$.label", "got `null`"),
        (body(prediction_id=ID), "$", "`label`"),
        (body(label="yes", key="a", time="2026-11-21T14:00:00"), "$.time", "timezone"),
        (body(label="yes", key="a", time="noon"), "$.time", "RFC3339"),
        (body(label="yes", prediction_id=ID, sauce="ann"), "$", "`sauce`"),
        (b"[" + body(label="yes", prediction_id=ID) + b', {"label": []}]', "$[1]", "either"),
        (b"label=yes", "$", "malformed"),
        (b"\xff", "$", ""),
        (b"[" * 5000, "$[0]", ""),
    ],
)
def test_what_is_no_label_is_refused_where_it_is_wrong(said: bytes, path: str, words: str) -> None:
    """The caller is told which label and which field."""
    with pytest.raises(MalformedError) as caught:
        labels.read(said)
    assert caught.value.path == path
    assert words in caught.value.message


def test_an_empty_list_is_refused() -> None:
    """Who sends nothing has most likely lost something."""
    with pytest.raises(EmptyBatchError):
        labels.read(b" []")


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=60), st.text('[]{}":,labelkeytimeprediction_id 1e9', max_size=60))
)
def test_no_body_brings_the_reader_down(said: bytes | str) -> None:
    """Whatever is posted is labels or a refusal."""
    try:
        found = labels.read(said if isinstance(said, bytes) else said.encode())
    except RequestError:
        return
    assert all(isinstance(one, Given) for one in found)


@pytest.mark.parametrize(
    ("label", "output", "fitting"),
    [
        ("yes", RISK, "yes"),
        (1, Classes(labels=(0, 1)), 1),
        (1.0, Classes(labels=(0, 1)), 1),
        (3, Value(), 3.0),
        ([1, 2.5], STEPS, [1.0, 2.5]),
        ({"two": 2.5, "one": 1}, STEPS, [1.0, 2.5]),
        (7, STEPS, 7),
    ],
)
def test_a_label_that_fits_is_kept_as_the_model_has_it(
    label: Any, output: Output, fitting: Any
) -> None:
    """So that it can be compared with what was answered."""
    found = labels.fit(label, output)
    assert found == fitting
    assert type(found) is type(fitting)


@pytest.mark.parametrize(
    ("label", "output", "code", "expected"),
    [
        ("Yes", RISK, "unknown_category", "one of 'no', 'yes'"),
        (1, RISK, "wrong_type", "one of 'no', 'yes'"),
        (["yes"], RISK, "wrong_type", "one of 'no', 'yes'"),
        (2, Classes(labels=(0, 1)), "unknown_category", "one of 0, 1"),
        ("1", Classes(labels=(0, 1)), "wrong_type", "one of 0, 1"),
        (0.5, Classes(labels=(0, 1)), "wrong_type", "one of 0, 1"),
        ("3", Value(), "wrong_type", "a number"),
        ([3], Value(), "wrong_type", "a number"),
        (float("nan"), Value(), "wrong_type", "a number"),
        ([1], STEPS, "wrong_shape", "2 numbers"),
        ({"one": 1, "three": 2}, STEPS, "wrong_shape", "2 numbers"),
        (-1, STEPS, "wrong_shape", "2 numbers"),
        ("one", STEPS, "wrong_shape", "2 numbers"),
    ],
)
def test_a_label_that_no_answer_could_have_is_refused(
    label: Any, output: Output, code: str, expected: str
) -> None:
    """A slip in a label would otherwise count as an error of the model."""
    with pytest.raises(RequestError) as caught:
        labels.check(Given(label=label, prediction_id=ID), output, "$[3]")
    assert caught.value.code == code
    assert caught.value.path is not None
    assert caught.value.path.startswith("$[3].label")
    assert expected in str(caught.value.expected)


@pytest.mark.parametrize(
    ("label", "output", "fitting"),
    [
        ("1", Classes(labels=(0, 1)), 1),
        ("1", Classes(labels=("0", "1")), "1"),
        ("2.5", Value(), 2.5),
        ("[1, 2]", STEPS, [1.0, 2.0]),
    ],
)
def test_text_of_a_file_becomes_what_the_model_answers(
    label: str, output: Output, fitting: Any
) -> None:
    """A CSV has but text; text stays text where the classes are texts."""
    assert labels.loosely(label, output) == fitting
    with pytest.raises(RequestError):
        labels.loosely("maybe", output)


def test_a_time_that_lies_ahead_is_refused() -> None:
    """Which prediction it means is not decided yet; a clock may be off by a little."""
    near, far = NOW + timedelta(seconds=30), NOW + timedelta(seconds=90)
    labels.check_time(Given(key="a", time=near, label=1), NOW)
    with pytest.raises(OutOfRangeError) as caught:
        labels.check_time(Given(key="a", time=far, label=1), NOW, "$[2]")
    assert caught.value.path == "$[2].time"


def test_what_goes_on_record_holds_no_key(tmp_path: Path) -> None:
    """Routing keys are hashed, moments are microseconds, and the label can be read again."""
    hasher = Hasher(Settings(home=tmp_path))
    said = labels.read(body(key="bed 7", time=TIME, label="yes", source="ann", observed=TIME))
    ((kept,),) = labels.records(said, hasher, Clear(), NOW)
    assert kept.key == hasher.hash("bed 7", "key")
    assert kept.at == kept.observed == 1_795_269_600_000_000
    assert kept.received == kept.at + 3_600_000_000
    assert (labels.value(kept.value), kept.seal, kept.source) == ("yes", None, "ann")
    assert b"bed 7" not in record.frame([kept])


def test_many_labels_take_several_frames(tmp_path: Path) -> None:
    """No frame grows without a limit, and none of the labels is lost between two."""
    said = [Given(prediction_id=ID, label=number) for number in range(labels.CHUNK + 1)]
    parts = list(labels.records(said, Hasher(Settings(home=tmp_path)), Clear(), NOW))
    data = b"".join(record.frame(part) for part in parts)
    found = [record.read(one.kind, one.payload) for one in unpack(data) if isinstance(one, Frame)]
    assert [len(part) for part in parts] == [labels.CHUNK, 1]
    assert found == parts
    assert len({one.id for part in parts for one in part}) == len(said)


def test_sealed_labels_are_opened_by_whoever_has_the_key(tmp_path: Path) -> None:
    """What is encrypted at rest is so from the start, and each label by itself."""
    with_key = sealing(tmp_path)
    said = [Given(prediction_id=ID, label="a long truth"), Given(prediction_id=ID, label="other")]
    sealer, opening = of(with_key), opener(with_key)
    ((one, other),) = labels.records(said, Hasher(with_key), sealer, NOW)
    assert b"a long truth" not in one.value
    assert one.seal is not None
    assert one.seal != other.seal
    opened = opening.open(one.seal, one.id, one.value)
    assert opened is not None
    assert labels.value(opened) == "a long truth"
    sealer.close()
    opening.close()


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z"])
@pytest.mark.parametrize("name", ["time", "observed"])
def test_moments_before_1970_are_refused(name: str, moment: str) -> None:
    """Nothing was predicted then, and a calendar may not even have that day."""
    said = {"label": "yes", "observed": TIME, "key": "a", "time": TIME, name: moment}
    (one,) = labels.read(body(**said))
    with pytest.raises(OutOfRangeError, match="before 1970") as caught:
        labels.check_time(one, NOW)
    assert caught.value.path == f"$.{name}"


def test_nobody_has_seen_what_is_still_to_come() -> None:
    """`observed` is held to the same as `time`."""
    far = NOW + timedelta(seconds=90)
    with pytest.raises(OutOfRangeError, match="the observed of a label cannot lie ahead"):
        labels.check_time(Given(prediction_id=ID, observed=far, label=1), NOW)
