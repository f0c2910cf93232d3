"""Signatures: what they refuse, and that they survive being written and read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from interlock.errors import SignatureError
from interlock.signature import (
    Boolean,
    Category,
    Classes,
    Input,
    Integer,
    Number,
    Output,
    Signature,
    Tensor,
    Text,
    Value,
    Vector,
    bounds,
    dtype,
    empty,
    output_names,
)
from tests.signature.strategies import signatures


def of(*inputs: Input, output: Output | None = None) -> Signature:
    return Signature(inputs=inputs, output=output or Value())


@given(signatures())
def test_written_and_read(signature: Signature) -> None:
    """A signature comes back equal from its JSON, whatever is in it."""
    assert Signature.from_json(signature.to_json()) == signature


BAD: list[tuple[Callable[[], Any], str]] = [
    (of, "at least one input"),
    (lambda: of(Number(name="")), "needs a name"),
    (lambda: of(Number(name='a"b')), "a quote, a backslash or a control character"),
    (lambda: of(Number(name="a\\b")), "a quote, a backslash or a control character"),
    (lambda: of(Number(name="a\nb")), "a quote, a backslash or a control character"),
    (lambda: of(Number(name="\ud800")), "cannot be written as JSON"),
    (lambda: of(Number(name="a"), Integer(name="a")), "input names repeat: a"),
    (lambda: of(Number(name="a"), Tensor(name="b", shape=(1,))), "not both"),
    (lambda: of(Number(name="a", minimum=2, maximum=1)), "a: minimum 2 is above maximum 1"),
    (lambda: of(Number(name="a", minimum=math.nan)), "a: nan does not fit"),
    (lambda: of(Number(name="a", maximum=math.inf)), "leave an open end out"),
    (lambda: of(Number(name="a", maximum=1e39)), "a: 1e+39 does not fit"),
    (lambda: of(Integer(name="a", minimum=2**63)), "a: 9223372036854775808 does not fit"),
    (lambda: of(Tensor(name="a", shape=(1,), dtype="int32", maximum=3e9)), "does not fit"),
    (
        lambda: of(Tensor(name="a", shape=(1,), dtype="int32", minimum=0.2, maximum=0.8)),
        "no whole number lies between 0.2 and 0.8",
    ),
    (lambda: of(Tensor(name="a", shape=(1,), dtype="bool", maximum=1)), "have no range"),
    (lambda: of(Tensor(name="a", shape=(3, 0))), "a: shape [3, 0] has a dimension below 1"),
    (lambda: of(Text(name="a", max_length=0)), "max_length 0 leaves room for no text"),
    (lambda: of(Category(name="a", values=())), "at least one value"),
    (lambda: of(Category(name="a", values=("x", "x"))), "a: values repeat: x"),
    (lambda: of(Category(name="a", values=("x", ""))), "the empty string means missing"),
    (lambda: of(Number(name="a"), output=Classes(labels=("x",))), "at least two labels"),
    (lambda: of(Number(name="a"), output=Classes(labels=("x", 1))), "all strings or all integers"),
    (lambda: of(Number(name="a"), output=Classes(labels=(True, False))), "all strings or all"),
    (lambda: of(Number(name="a"), output=Classes(labels=(1, 2**63))), "at most 64 bits"),
    (lambda: of(Number(name="a"), output=Classes(labels=("x", "x"))), "labels repeat: x"),
    (lambda: of(Number(name="a"), output=Vector(steps=())), "at least one step"),
    (lambda: of(Number(name="a"), output=Vector(steps=("1", "1"))), "steps repeat: 1"),
]


@pytest.mark.parametrize(("make", "said"), BAD)
def test_contradiction(make: Callable[[], Any], said: str) -> None:
    """A signature that contradicts itself is never made, and the message names the field."""
    with pytest.raises(SignatureError, match=said.replace("[", r"\[").replace("+", r"\+")):
        make()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{}", "missing required field `inputs`"),
        (b"\xff", "not JSON"),
        ('{"inputs": [], "output": {"type": "value"}}', "at least one input"),
        ('{"inputs": [{"type": "number", "nme": "a"}], "output": {"type": "value"}}', "nme"),
        ('{"inputs": [{"type": "matrix"}], "output": {"type": "value"}}', "matrix"),
    ],
)
def test_unreadable_signature(text: str | bytes, said: str) -> None:
    """A file that is no signature is refused with the field at fault."""
    with pytest.raises(SignatureError, match=said):
        Signature.from_json(text)


def test_open_ends_of_a_range() -> None:
    """An end that is not declared is infinite; without either there is no range."""
    assert bounds(Number(name="a", minimum=0)) == (0, math.inf)
    assert bounds(Tensor(name="a", shape=(1,), maximum=1)) == (-math.inf, 1)
    assert bounds(Number(name="a")) is None
    assert bounds(Text(name="a")) is None


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (Tensor(name="a", shape=(2,), dtype="int32"), "int32"),
        (Number(name="a", dtype="float64", nullable=True), "float64"),
        (Integer(name="a"), "int64"),
        (Integer(name="a", nullable=True), "float32"),
        (Boolean(name="a"), "bool"),
        (Boolean(name="a", nullable=True), "float32"),
        (Category(name="a", values=("x",), nullable=True), "str"),
        (Text(name="a"), "str"),
    ],
)
def test_dtype_in_the_graph(field: Input, kind: str) -> None:
    """Every field type has one dtype in the graph, in which an empty array can be had."""
    assert dtype(field) == kind
    array = empty(field, 3)
    assert array.dtype == (object if kind == "str" else kind)
    assert array.shape == ((3, 2) if isinstance(field, Tensor) else (3,))
    assert not np.any(array)


def test_names() -> None:
    """Outputs are called the same in every graph; inputs are found by name."""
    assert output_names(Classes(labels=(1, 2))) == ("label", "probabilities")
    assert output_names(Vector(steps=("1",))) == ("values",)
    assert output_names(Value()) == ("value",)
    signature = of(Number(name="age"))
    assert signature.kind == "records"
    assert signature.input("age") is signature.inputs[0]
    with pytest.raises(SignatureError, match="no input is called 'agee'; the inputs are age"):
        signature.input("agee")
