"""V2 requests: the same feed as the plain door gives, and the same refusals."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from interlock.errors import RequestError
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
    dtype,
)
from interlock.signature.inference import Call, TensorDecoder
from interlock.signature.records import Batch, Decoder
from interlock.signature.schema import Input
from tests.signature.callers import as_binary, as_json
from tests.signature.strategies import MARK, bodies, broken_values, records, signatures

BEAT = Signature(inputs=(Tensor(name="beat", shape=(2,)),), output=Classes(labels=("a", "b")))
PAIR = Signature(
    inputs=(Number(name="age", maximum=120), Category(name="sex", values=("f", "m"))),
    output=Value(),
)


def tensor(name: str = "beat", **changes: Any) -> dict[str, Any]:
    return {"name": name, "shape": [1, 2], "datatype": "FP32", "data": [1, 2], **changes}


def body(*inputs: Any, **members: Any) -> bytes:
    return json.dumps({"inputs": list(inputs), **members}).encode()


def refusal(signature: Signature, sent: bytes, header_length: int | None = None) -> RequestError:
    with pytest.raises(RequestError) as caught:
        TensorDecoder(signature).decode(sent, header_length)
    json.dumps(caught.value.document(), ensure_ascii=False).encode()
    return caught.value


def column(field: Input, data: list[Any], policy: Any = "reject") -> Call:
    """One column's data sent as JSON."""
    kinds = {"float32": "FP32", "float64": "FP64", "int64": "INT64", "bool": "BOOL"}
    datatype = kinds.get(dtype(field), "BYTES")
    sent = tensor(field.name, shape=[len(data)], datatype=datatype, data=data)
    signature = Signature(inputs=(field,), output=Value(), out_of_range=policy)
    return TensorDecoder(signature).decode(body(sent), None)


def same(batch: Call, other: Batch) -> None:
    assert (batch.rows, batch.flags) == (other.rows, other.flags)
    assert batch.feed.keys() == other.feed.keys()
    for name, array in batch.feed.items():
        assert (array.dtype, array.shape) == (other.feed[name].dtype, other.feed[name].shape)
        np.testing.assert_array_equal(array, other.feed[name])


@given(st.data())
def test_all_ways_in_give_the_same_feed(data: st.DataObject) -> None:
    """Plain JSON, V2 JSON flat and nested, and V2 binary of the same records feed the same."""
    signature = data.draw(signatures())
    rows = data.draw(st.lists(records(signature), min_size=1, max_size=3))
    plain = Decoder(signature).decode(json.dumps(rows).encode())
    decoder = TensorDecoder(signature)
    same(decoder.decode(as_json(signature, rows), None), plain)
    same(decoder.decode(as_json(signature, rows, nested=True), None), plain)
    same(decoder.decode(*as_binary(signature, rows)), plain)


@given(st.data(), st.booleans())
def test_what_plain_refuses_v2_refuses(data: st.DataObject, nested: bool) -> None:
    """A bad value gets the same error through both doors, and V2 names its place in the data."""
    signature = data.draw(signatures())
    broken = data.draw(broken_values(signature))
    field, fragment = broken.field, broken.fragment
    assert field is not None
    # V2 has float32 for booleans and integers that may be missing, and "" for missing texts.
    edges = {str(2**63), str(-(2**63) - 1)}
    exempt = {Boolean: {"1", "0", '"true"', "NaN"}, Integer: {"3.0", "-0.0", "1e3", *edges}}
    if getattr(field, "nullable", False):
        assume(fragment not in exempt.get(type(field), {'""'}))
    assume(all(row.get(field.name) != MARK for row in broken.rows) or not isinstance(field, Tensor))
    sent = as_json(signature, broken.rows, nested=nested)
    error = refusal(signature, sent.replace(f'"{MARK}"'.encode(), fragment.encode()))
    codes = dict.fromkeys(["NaN", "Infinity", "-Infinity"], "not_finite")
    codes |= dict.fromkeys(['"\\ud800"', '"a\\udc00"'], "malformed")
    assert error.code == codes.get(fragment, broken.error.code)
    index = [field.name for field in signature.inputs].index(field.name)
    assert (error.path or "").startswith(f"$.inputs[{index}].data[")


@given(st.data())
def test_any_bytes_are_taken_or_refused(data: st.DataObject) -> None:
    """No body at all brings out an error that is not ours."""
    signature = data.draw(signatures())
    rows = data.draw(st.lists(records(signature), min_size=1, max_size=2))
    good, length = data.draw(
        st.sampled_from([(as_json(signature, rows), None), as_binary(signature, rows)])
    )
    spot = data.draw(st.integers(0, len(good)))
    noise = data.draw(st.binary(max_size=3))
    near = good[:spot] + noise + good[spot + len(noise) :]
    sent = data.draw(st.one_of(st.just(near), st.just(good[:spot]), bodies(signature)))
    with suppress(RequestError):
        batch = TensorDecoder(signature).decode(sent, length)
        for field in signature.inputs:
            inner = field.shape if isinstance(field, Tensor) else ()
            array = batch.feed[field.name]
            assert array.shape == (batch.rows, *inner)
            assert array.dtype == (object if dtype(field) == "str" else dtype(field))


@given(st.data())
def test_any_data_is_taken_or_refused(data: st.DataObject) -> None:
    """A well-formed request with any data in it is refused in words that fit the signature."""
    signature = data.draw(signatures())
    request = json.loads(as_json(signature, data.draw(st.lists(records(signature), min_size=1))))
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=2)
    request["inputs"][0]["data"] = data.draw(
        st.lists(leaf | st.lists(leaf | st.lists(leaf, max_size=2), max_size=2), max_size=6) | leaf
    )
    sent = json.dumps(request).encode()
    try:
        TensorDecoder(signature).decode(sent, None)
    except RequestError as error:
        refused = error
    else:
        return
    assert "does not fit the signature" not in refused.message
    assert (refused.path or "").startswith("$.inputs[")


@pytest.mark.parametrize(
    ("inputs", "code", "path", "expected", "got"),
    [
        ([tensor(datatype="FP64")], "wrong_type", "$.inputs[0].datatype", "FP32", "FP64"),
        ([tensor(shape=[2])], "wrong_shape", "$.inputs[0].shape", "[rows, 2]", "[2]"),
        ([tensor(shape=[])], "wrong_shape", "$.inputs[0].shape", "[rows, 2]", "[]"),
        ([tensor(shape=[-1, 2])], "wrong_shape", "$.inputs[0].shape", "[rows, 2]", "[-1, 2]"),
        ([tensor(shape=[1, 3])], "wrong_shape", "$.inputs[0].shape", "[rows, 2]", "[1, 3]"),
        (
            [tensor(shape=[2**62, 2])],
            "wrong_shape",
            "$.inputs[0].data",
            f"{2**63} values for shape [{2**62}, 2]",
            "2 values",
        ),
        (
            [tensor(data=[1])],
            "wrong_shape",
            "$.inputs[0].data",
            "2 values for shape [1, 2]",
            "1 values",
        ),
        (
            [tensor(data=[[1, 2, 3], [4]], shape=[2, 2])],
            "wrong_shape",
            "$.inputs[0].data[0]",
            "2 values (float32[2])",
            "3 values",
        ),
        (
            [tensor(data=[1, [2]])],
            "wrong_shape",
            "$.inputs[0].data[1]",
            "float32[2]",
            "an array of 1",
        ),
        ([tensor(data=["1", 2])], "wrong_type", "$.inputs[0].data[0]", "float32[2]", '"1"'),
        ([tensor(data=[1, None])], "wrong_type", "$.inputs[0].data[1]", "float32[2]", "null"),
        ([tensor(data=[[1, True]])], "wrong_type", "$.inputs[0].data[0][1]", "float32[2]", "true"),
        ([tensor(data=[1, 1e39])], "not_finite", "$.inputs[0].data[1]", "float32[2]", "1e+39"),
        ([tensor(data=[1, 10**400])], "not_finite", "$.inputs[0].data[1]", "float32[2]", None),
        ([tensor(data={})], "wrong_type", "$.inputs[0].data", "a list", "an object"),
        ([tensor(data=None)], "wrong_type", "$.inputs[0].data", "a list", "null"),
        (
            [tensor(shape=[0, 2], data=[])],
            "empty_batch",
            "$.inputs[0].shape",
            "at least one row",
            "0",
        ),
        ([], "missing_field", "$.inputs", "'beat'", "nothing"),
        ([tensor("heart")], "unknown_field", "$.inputs[0].name", "one of 'beat'", "'heart'"),
        ([tensor(), tensor()], "unknown_field", "$.inputs[1].name", "one of 'beat'", "'beat'"),
        (
            [tensor(parameters={"binary_data_size": 8})],
            "malformed",
            "$.inputs[0].data",
            None,
            None,
        ),
        ([{"name": "beat"}], "malformed", "$.inputs[0]", None, None),
        ([tensor(shape=[1.5, 2])], "malformed", "$.inputs[0].shape[0]", None, None),
        ([tensor(shape=[10**5, 10**30])], "malformed", "$.inputs[0].shape[1]", None, None),
        ([tensor(data=[1, float("nan")])], "not_finite", "$.inputs[0].data[1]", None, "NaN"),
    ],
)
def test_bad_request(
    inputs: list[Any], code: str, path: str, expected: str | None, got: str | None
) -> None:
    """Each kind of bad request has its code, and says where, what was expected and what came."""
    error = refusal(BEAT, body(*inputs))
    assert (error.code, error.path) == (code, path)
    assert expected is None or error.expected == expected
    assert got is None or error.got == got


def test_missing_data() -> None:
    """An input with neither JSON data nor binary is missing something."""
    without = {key: value for key, value in tensor().items() if key != "data"}
    error = refusal(BEAT, body(without))
    assert (error.code, error.path) == ("missing_field", "$.inputs[0].data")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "not JSON"),
        (b"[1", "not JSON"),
        (b"{}", "missing required field `inputs`"),
        (b'{"inputs": 3}', "Expected `array`"),
        (b'\xef\xbb\xbf{"inputs": []}', "byte order mark"),
        (b'{"inputs": "\xff"}', "not UTF-8"),
        (b'{"inputs": [], "id": ' + b"[" * 100_000, "Expected `str | null`"),
    ],
)
def test_malformed_request(sent: bytes, said: str) -> None:
    """What is no V2 request at all is malformed, and says why."""
    error = refusal(BEAT, sent)
    assert error.code == "malformed"
    assert said in error.message or "nested too deep" in error.message


def test_deep_data() -> None:
    """Lists nested a hundred thousand deep end in an error, not in the worker."""
    sent = body(tensor()).replace(b"[1, 2]}", b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert refusal(BEAT, sent).code == "malformed"


def test_rows_of_inputs_disagree() -> None:
    """All inputs have as many rows as the first."""
    age = tensor("age", shape=[2], data=[1, 2])
    sex = tensor("sex", shape=[1], datatype="BYTES", data=["f"])
    error = refusal(PAIR, body(age, sex))
    assert (error.code, error.path) == ("wrong_shape", "$.inputs[1].shape")
    assert (error.expected, error.got) == ("2 rows, as age has", "1 rows")


@pytest.mark.parametrize(
    ("field", "data", "feed"),
    [
        (Number(name="x", nullable=True), [1.5, None], [1.5, np.nan]),
        (Integer(name="x", nullable=True), [1, 2.0, None], [1, 2, np.nan]),
        (Boolean(name="x", nullable=True), [1, 0, None], [1, 0, np.nan]),
        (Category(name="x", values=("a",), nullable=True), ["a", "", None], ["a", "", ""]),
        (Text(name="x", nullable=True), ["a", "", None], ["a", "", ""]),
        (Integer(name="x"), [2**63 - 1, -(2**63)], [2**63 - 1, -(2**63)]),
        (Boolean(name="x"), [True, False], [True, False]),
        (Number(name="x", maximum=0.1), [float(np.float32(0.1))], [np.float32(0.1)]),
    ],
)
def test_values_that_json_may_carry(field: Input, data: list[Any], feed: list[Any]) -> None:
    """Missing values, numbers for booleans, whole floats for integers that may be missing."""
    found = column(field, data).feed["x"]
    np.testing.assert_array_equal(found, np.array(feed, found.dtype))


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (Integer(name="x", nullable=True), 1.5, "wrong_type"),
        (Integer(name="x", nullable=True, maximum=5), 6.0, "out_of_range"),
        (Integer(name="x", nullable=True), 1e30, "out_of_range"),
        (Integer(name="x", nullable=True), True, "wrong_type"),
        (Boolean(name="x", nullable=True), 2, "wrong_type"),
        (Boolean(name="x", nullable=True), True, "wrong_type"),
        (Boolean(name="x"), 1, "wrong_type"),
        (Category(name="x", values=("a",)), "", "unknown_category"),
        (Category(name="x", values=("a",)), None, "wrong_type"),
        (Text(name="x", max_length=2), "abc", "out_of_range"),
        (Integer(name="x"), 2**63, "out_of_range"),
        (Integer(name="x"), 1.0, "wrong_type"),
        (Number(name="x", minimum=0), -1, "out_of_range"),
    ],
)
def test_values_that_json_may_not_carry(field: Input, value: Any, code: str) -> None:
    """V2 takes no value that a plain record could not hold."""
    with pytest.raises(RequestError) as caught:
        column(field, [value])
    assert (caught.value.code, caught.value.path) == (code, "$.inputs[0].data[0]")


@pytest.mark.parametrize(
    ("field", "values", "code", "got"),
    [
        (Number(name="x"), [1, np.nan], "not_finite", "NaN"),
        (Number(name="x"), [1, np.inf], "not_finite", "Infinity"),
        (Number(name="x", nullable=True), [1, -np.inf], "not_finite", "-Infinity"),
        (Number(name="x", maximum=2), [1, 3], "out_of_range", "3.0"),
        (Integer(name="x", nullable=True), [1, 1.5], "wrong_type", "1.5"),
        (Integer(name="x", maximum=2), [1, 3], "out_of_range", "3"),
        (Boolean(name="x", nullable=True), [1, 0.5], "wrong_type", "0.5"),
        (Category(name="x", values=("a",)), ["a", "b"], "unknown_category", '"b"'),
        (Text(name="x", max_length=2), ["a", "abc"], "out_of_range", "3 characters"),
    ],
)
def test_bad_binary_value(field: Input, values: list[Any], code: str, got: str) -> None:
    """Binary data is held to the same rules, element by element."""
    signature = Signature(inputs=(field,), output=Value())
    error = refusal(signature, *as_binary(signature, [{"x": value} for value in values]))
    assert (error.code, error.path, error.got) == (code, "$.inputs[0].data[1]", got)


@pytest.mark.parametrize(
    ("raw", "size", "said"),
    [
        (b"\0" * 8, 9, "binary_data_size does not fit"),
        (b"\0" * 8, -1, "binary_data_size does not fit"),
        (b"\0" * 8, True, "binary_data_size does not fit"),
        (b"\0" * 8, "8", "binary_data_size does not fit"),
        (b"\0" * 9, 8, "bytes are left"),
        (b"\0" * 7, 7, "no multiple"),
        (b"\0" * 12, 12, "shape and data disagree"),
    ],
)
def test_bad_binary_size(raw: bytes, size: Any, said: str) -> None:
    """The binary part is exactly as long as its header says."""
    head = body({**tensor(parameters={"binary_data_size": size}), "data": None})
    head = head.replace(b', "data": null', b"")
    assert said in refusal(BEAT, head + raw, len(head)).message


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\x01\0\0", "runs past the end"),
        (b"\x02\0\0\0a", "runs past the end"),
        (b"\xff\xff\xff\xffa", "runs past the end"),
        (b"\x01\0\0\0\xff", "not UTF-8"),
        (b"\x03\0\0\0\xed\xa0\x80", "not UTF-8"),
    ],
)
def test_bad_strings(raw: bytes, said: str) -> None:
    """BYTES elements are counted and are UTF-8, without halves of surrogate pairs."""
    signature = Signature(inputs=(Text(name="note"),), output=Value())
    sent = tensor("note", shape=[1], datatype="BYTES", parameters={"binary_data_size": len(raw)})
    del sent["data"]
    head = body(sent)
    error = refusal(signature, head + raw, len(head))
    assert (error.code, error.path) == ("malformed", "$.inputs[0].data[0]")
    assert said in error.message


def test_header_longer_than_the_body() -> None:
    """The length of the JSON part cannot be more than there is."""
    assert "longer than the body" in refusal(BEAT, body(tensor()), 10_000).message


@pytest.mark.parametrize("policy", ["clip", "flag"])
def test_out_of_range_values_follow_the_policy(policy: Any) -> None:
    """V2 clips and flags as the plain door does."""
    batch = column(Number(name="x", maximum=2), [1, 3], policy)
    wanted = ([1, 2], "clipped") if policy == "clip" else ([1, 3], "out_of_range")
    assert (batch.feed["x"].tolist(), batch.flags) == (wanted[0], [{}, {"x": wanted[1]}])


def call(**members: Any) -> Call:
    return TensorDecoder(BEAT).decode(body(tensor(), **members), None)


def test_outputs_default_to_all_in_json() -> None:
    """Who asks for nothing gets everything."""
    assert call().wanted == [
        ("label", False),
        ("probabilities", False),
        ("confidence", False),
        ("prediction_id", False),
    ]
    assert call(id="7").id == "7"


def test_outputs_asked_for() -> None:
    """Outputs come in the order asked for, binary by request or by output."""
    asked = [{"name": "confidence"}, {"name": "label", "parameters": {"binary_data": False}}]
    found = call(outputs=asked, parameters={"binary_data_output": True})
    assert found.wanted == [("confidence", True), ("label", False)]
    error = refusal(BEAT, body(tensor(), outputs=[{"name": "odds"}]))
    assert (error.code, error.path) == ("unknown_field", "$.outputs[0].name")
