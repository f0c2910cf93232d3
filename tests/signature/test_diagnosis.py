"""What callers are told: code, JSON path, expected and got, for every kind of bad input."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.errors import MalformedError, RequestError
from interlock.signature import (
    Boolean,
    Category,
    Integer,
    Number,
    Signature,
    Tensor,
    Text,
    Value,
)
from interlock.signature.diagnosis import diagnose, problems, read
from interlock.signature.records import Decoder

PATIENT = Signature(
    inputs=(
        Number(name="age", minimum=0, maximum=120, unit="years"),
        Integer(name="visits", minimum=0),
        Boolean(name="smoker"),
        Category(name="sex", values=("female", "male")),
        Text(name="note", max_length=10, nullable=True),
        Number(name="blood pressure", nullable=True, dtype="float64"),
    ),
    output=Value(),
)
BEAT = Signature(inputs=(Tensor(name="beat", shape=(3,), unit="mV"),), output=Value())
GOOD = {"age": "61", "visits": "3", "smoker": "true", "sex": '"male"'}


def refusal(signature: Signature, body: str | bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        Decoder(signature).decode(body.encode() if isinstance(body, str) else body)
    return caught.value


def patient(**changes: str | None) -> str:
    """A good patient's JSON with some members replaced, or left out where None."""
    members = {**GOOD, **{name.replace("_", " "): text for name, text in changes.items()}}
    return (
        "{" + ", ".join(f'"{n}": {text}' for n, text in members.items() if text is not None) + "}"
    )


SEX = "one of 'female', 'male'"
AGE = "a number, 0 to 120 years"
VISITS = "a whole number, at least 0"
PRESSURE = "a number or null"

VALUES: list[tuple[dict[str, Any], str, str, str, str]] = [
    ({"age": '"61"'}, "wrong_type", "$.age", AGE, '"61"'),
    ({"age": "null"}, "wrong_type", "$.age", AGE, "null"),
    ({"age": "true"}, "wrong_type", "$.age", AGE, "true"),
    ({"age": "[61]"}, "wrong_type", "$.age", AGE, "an array of 1"),
    ({"age": "{}"}, "wrong_type", "$.age", AGE, "an object"),
    ({"age": None}, "missing_field", "$.age", AGE, "nothing"),
    ({"age": "NaN"}, "not_finite", "$.age", AGE, "NaN"),
    ({"age": "-Infinity"}, "not_finite", "$.age", AGE, "-Infinity"),
    ({"age": "1e999"}, "not_finite", "$.age", AGE, "Infinity"),
    ({"age": "1e39"}, "not_finite", "$.age", AGE, "1e+39"),
    ({"age": "1" * 400}, "not_finite", "$.age", AGE, "1" * 60 + "…"),
    ({"age": "1" * 5000}, "not_finite", "$.age", AGE, "1" * 60 + "…"),
    ({"age": "121"}, "out_of_range", "$.age", "0 to 120 years", "121"),
    ({"age": "-0.5"}, "out_of_range", "$.age", "0 to 120 years", "-0.5"),
    ({"visits": "3.5"}, "wrong_type", "$.visits", VISITS, "3.5"),
    ({"visits": "3.0"}, "wrong_type", "$.visits", VISITS, "3.0"),
    ({"visits": "-1"}, "out_of_range", "$.visits", "at least 0", "-1"),
    (
        {"visits": "9223372036854775808"},
        "out_of_range",
        "$.visits",
        "0 to 9223372036854775807",
        "9223372036854775808",
    ),
    ({"visits": "NaN"}, "not_finite", "$.visits", VISITS, "NaN"),
    ({"smoker": "1"}, "wrong_type", "$.smoker", "true or false", "1"),
    ({"smoker": '"no"'}, "wrong_type", "$.smoker", "true or false", '"no"'),
    ({"sex": '"mal"'}, "unknown_category", "$.sex", SEX, '"mal"'),
    ({"sex": '""'}, "unknown_category", "$.sex", SEX, '""'),
    ({"sex": "1"}, "wrong_type", "$.sex", SEX, "1"),
    (
        {"note": '"12345678901"'},
        "out_of_range",
        "$.note",
        "text of at most 10 characters or null",
        "11 characters",
    ),
    (
        {"note": '"\\ud800"'},
        "malformed",
        "$.note",
        "text of at most 10 characters or null",
        '"\\ud800"',
    ),
    ({"note": "1"}, "wrong_type", "$.note", "text of at most 10 characters or null", "1"),
    ({"blood_pressure": "1e999"}, "not_finite", "$['blood pressure']", PRESSURE, "Infinity"),
    ({"blood_pressure": "1" * 400}, "not_finite", "$['blood pressure']", PRESSURE, "1" * 60 + "…"),
    ({"blood_pressure": '"high"'}, "wrong_type", "$['blood pressure']", PRESSURE, '"high"'),
    (
        {"agee": "1"},
        "unknown_field",
        "$.agee",
        "one of 'age', 'visits', 'smoker', 'sex', 'note', 'blood pressure'",
        "'agee'",
    ),
]


@pytest.mark.parametrize(("changes", "code", "path", "expected", "got"), VALUES)
def test_bad_value(changes: dict[str, str], code: str, path: str, expected: str, got: str) -> None:
    """Each kind of bad value has its code, and says where, what was expected and what came."""
    said = refusal(PATIENT, patient(**changes)).document()
    del said["message"]
    assert said == {"code": code, "path": path, "expected": expected, "got": got}
    said = refusal(PATIENT, f"[{patient()}, {patient(**changes)}]").document()
    assert (said["code"], said["path"]) == (code, "$[1]" + path[1:])


@pytest.mark.parametrize(
    ("beat", "code", "path", "expected", "got"),
    [
        ("3", "wrong_type", "$.beat", "float32[3] mV", "3"),
        ('"abc"', "wrong_type", "$.beat", "float32[3] mV", '"abc"'),
        ("[1, 2]", "wrong_shape", "$.beat", "3 values (float32[3] mV)", "2 values"),
        ("[1, 2, 3, 4]", "wrong_shape", "$.beat", "3 values (float32[3] mV)", "4 values"),
        ("[1, [2], 3]", "wrong_shape", "$.beat[1]", "float32[3] mV", "an array of 1"),
        ("[1, 2, null]", "wrong_type", "$.beat[2]", "float32[3] mV", "null"),
        ("[1, 2, NaN]", "not_finite", "$.beat[2]", "float32[3] mV", "NaN"),
        ("[1, 2, 4e38]", "not_finite", "$.beat[2]", "float32[3] mV", "4e+38"),
    ],
)
def test_bad_tensor(beat: str, code: str, path: str, expected: str, got: str) -> None:
    """Tensors name the element at fault."""
    said = refusal(BEAT, f'{{"beat": {beat}}}').document()
    del said["message"]
    assert said == {"code": code, "path": path, "expected": expected, "got": got}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"age": 1,}', "not JSON"),
        (b"age=61", "not JSON"),
        (b'{"age": 01}', "not JSON"),
        (b'{"age": "\xff"}', "not UTF-8: invalid start byte at byte 9"),
        (b'\xef\xbb\xbf{"age": 61}', "byte order mark"),
        ('{"age": 61}'.encode("utf-16"), "not UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
        (b'{"age":' * 100_000, "nested too deep"),
    ],
)
def test_body_that_is_no_json(body: bytes, said: str) -> None:
    """Bytes that are no JSON are malformed; what a record looks like is said all the same."""
    error = refusal(PATIENT, body)
    assert isinstance(error, MalformedError)
    assert said in error.message
    assert error.path == "$"
    assert error.expected is not None
    assert error.expected.startswith("an object with 'age', 'visits'")


def test_text_after_which_json_breaks_is_shown() -> None:
    """A typo can be found without counting bytes."""
    assert refusal(BEAT, '{"beat": [1, oops]}').got == "'oops]}'"
    assert refusal(BEAT, '{"beat": [1').got == "the end of the body"


@pytest.mark.parametrize(
    ("body", "code", "path", "got"),
    [
        ("[]", "empty_batch", "$", "[]"),
        ("3", "wrong_type", "$", "3"),
        ("null", "wrong_type", "$", "null"),
        ('["a"]', "wrong_type", "$[0]", '"a"'),
        ("[[]]", "wrong_type", "$[0]", "an array of 0"),
    ],
)
def test_body_that_holds_no_record(body: str, code: str, path: str, got: str) -> None:
    """A record is an object, and a batch holds at least one."""
    error = refusal(PATIENT, body)
    assert (error.code, error.path, error.got) == (code, path, got)


def test_repeated_name_is_looked_at_each_time() -> None:
    """The bad one of two members with one name is found, whichever comes last."""
    for body in ('{"beat": "x", "beat": [1, 2, 3]}', '{"beat": [1, 2, 3], "beat": "x"}'):
        assert refusal(BEAT, body).code == "wrong_type"


def test_near_misses_are_guessed() -> None:
    """A misspelt name or category comes with the one that was probably meant."""
    assert "did you mean 'age'?" in refusal(PATIENT, patient(agee="1")).message
    assert "did you mean 'female'?" in refusal(PATIENT, patient(sex='"femal"')).message


@pytest.mark.parametrize("name", ["x" * 100_000, "\\ud800", "\\u0000", "\\n"])
def test_hostile_name(name: str) -> None:
    """A name of any length and content is told back short, as text that can be sent."""
    error = refusal(PATIENT, f'{{"{name}": 1}}')
    assert error.code == "unknown_field"
    assert len(str(error.document()).encode()) < 800


def test_hostile_category() -> None:
    """A value of any length is told back short."""
    error = refusal(PATIENT, patient(sex='"' + "é" * 100_000 + '"'))
    assert error.got is not None
    assert len(error.got) < 70


def test_every_problem_is_found() -> None:
    """A walk to the end lists all that is wrong, not only the first."""
    found = problems(PATIENT, [{"age": "x", "visits": 1, "smoker": 1, "sex": "f", "other": 2}])
    assert [(error.code, error.path) for error in found] == [
        ("wrong_type", "$[0].age"),
        ("wrong_type", "$[0].smoker"),
        ("unknown_category", "$[0].sex"),
        ("unknown_field", "$[0].other"),
    ]


def test_good_body_has_no_problem() -> None:
    """Nothing is found where nothing is wrong."""
    assert diagnose(PATIENT, patient().encode()) is None


@pytest.mark.parametrize("policy", ["clip", "flag"])
def test_range_is_no_problem_unless_it_is_rejected(policy: Any) -> None:
    """Policies that answer have nothing to explain; what no dtype holds stays refused."""
    signature = Signature(
        inputs=(Integer(name="i", maximum=5),), output=Value(), out_of_range=policy
    )
    assert list(problems(signature, {"i": 6})) == []
    (error,) = problems(signature, {"i": 2**63})
    assert error.expected == "-9223372036854775808 to 9223372036854775807"


def test_reading_keeps_what_other_writers_emit() -> None:
    """NaN and infinities are read, so that they can be named."""
    assert str(read(b'{"a": [NaN, -Infinity]}')["a"]) == "[nan, -inf]"
