"""From samples to inputs, and from rows to what a graph is fed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from interlock.errors import SignatureError
from interlock.signature.infer import columns, feeds, infer_inputs
from interlock.signature.schema import (
    Boolean,
    Category,
    Input,
    Integer,
    Number,
    Signature,
    Tensor,
    Text,
    Value,
    dtype,
)


def signature(*inputs: Input) -> Signature:
    return Signature(inputs=inputs, output=Value())


COLUMNS = signature(
    Number(name="fee", nullable=True),
    Integer(name="age"),
    Boolean(name="vip", nullable=True),
    Category(name="plan", values=("a", "b"), nullable=True),
)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ([1.5, 2.0], Number(name="c")),
        ([1.5, np.nan], Number(name="c", nullable=True)),
        ([1, 2], Integer(name="c")),
        (pd.array([1, None], "Int64"), Integer(name="c", nullable=True)),
        ([True, False], Boolean(name="c")),
        ([True, None], Boolean(name="c", nullable=True)),
        (["b", "a", "b"], Category(name="c", values=("a", "b"))),
        (["b", None], Category(name="c", values=("b",), nullable=True)),
        (["b", ""], Category(name="c", values=("b",), nullable=True)),
        (pd.Categorical(["b"], ["a", "b"]), Category(name="c", values=("a", "b"))),
        (pd.array(["a", "b"], "string"), Category(name="c", values=("a", "b"))),
        (pd.Categorical([1, 2]), Integer(name="c")),
        ([f"note {place}" for place in range(51)], Text(name="c")),
    ],
    ids=str,
)
def test_column_of_each_kind(values: Any, field: Input) -> None:
    """Every type of column is told by its values, missing ones included."""
    assert infer_inputs(pd.DataFrame({"c": values})) == (field,)


@pytest.mark.parametrize(
    "values",
    [pd.to_datetime(["2024-01-01"]), [None, None], ["a", 1], [[1], [2]]],
    ids=["dates", "nothing", "mixed", "lists"],
)
def test_column_without_a_type(values: Any) -> None:
    """Columns that no input describes are refused by name."""
    with pytest.raises(SignatureError, match=r"^born: "):
        infer_inputs(pd.DataFrame({"born": values}))


def test_array_is_one_tensor() -> None:
    """The first axis is rows; the name can be given."""
    assert infer_inputs(np.zeros((5, 140))) == (Tensor(name="input", shape=(140,)),)
    beat = infer_inputs(np.zeros((5, 2, 70), np.int32), name="beat")
    assert beat == (Tensor(name="beat", shape=(2, 70), dtype="int32"),)
    assert infer_inputs(np.zeros((5, 2), np.uint8))[0] == Tensor(
        name="input", shape=(2,), dtype="int64"
    )


def test_dict_of_arrays_is_a_tensor_each() -> None:
    """Several tensors keep their names and order."""
    found = infer_inputs({"b": np.zeros((5, 3), np.float32), "a": np.zeros((5, 1), bool)})
    assert found == (Tensor(name="b", shape=(3,)), Tensor(name="a", shape=(1,), dtype="bool"))


def test_shape_that_is_asked_for() -> None:
    """A table of numbers can be one tensor, an array can be columns."""
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert infer_inputs(table, shape="tensors") == (Tensor(name="input", shape=(2,)),)
    assert infer_inputs(table.to_numpy(), shape="records") == (Number(name="x0"), Number(name="x1"))
    arrays = {"a": np.arange(3), "b": np.array(["x", "y", "x"])}
    assert infer_inputs(arrays, shape="records")[1] == Category(name="b", values=("x", "y"))


def test_list_of_records() -> None:
    """Dicts are rows, as columns or as tensors."""
    assert infer_inputs([{"age": 3}, {"age": 4}]) == (Integer(name="age"),)
    beats = [{"beat": [0.5, 1.5]}, {"beat": [2.5, 3.5]}]
    assert infer_inputs(beats, shape="tensors") == (Tensor(name="beat", shape=(2,)),)


@pytest.mark.parametrize("array", [np.array(["a"]), ["a", "b"]])
def test_array_that_is_no_tensor(array: Any) -> None:
    """Strings are no tensors, in an array or in a list."""
    with pytest.raises(SignatureError, match=r"^input: .* numbers or booleans"):
        infer_inputs(array)


@pytest.mark.parametrize("sample", [None, "rows.csv", 3, np.array(3.0)])
def test_sample_without_rows(sample: Any) -> None:
    """What has no axis of rows is refused, by itself and under a signature."""
    with pytest.raises(SignatureError, match="is no sample: give rows"):
        infer_inputs(sample)
    with pytest.raises(SignatureError, match="is no sample: give rows"):
        feeds(signature(Tensor(name="beat", shape=())), sample)


def test_list_of_lists_is_what_its_array_is() -> None:
    """Rows of numbers need no array around them; those of several lengths are none."""
    assert infer_inputs([[1.0, 2.0], [3.0, 4.0]]) == (Tensor(name="input", shape=(2,)),)
    with pytest.raises(SignatureError, match="not of one shape"):
        infer_inputs([[1.0, 2.0], [3.0]])


def test_record_that_is_none() -> None:
    """A list is of records throughout, and records of tensors have all of them, of one shape."""
    with pytest.raises(SignatureError, match="row 1 of the sample is 'x', not a record"):
        infer_inputs([{"age": 3}, "x"])
    with pytest.raises(SignatureError, match="row 1 of the sample has no beat"):
        infer_inputs([{"beat": [1.0]}, {}], shape="tensors")
    with pytest.raises(SignatureError, match="not of one shape"):
        infer_inputs([{"beat": [1.0]}, {"beat": [1.0, 2.0]}], shape="tensors")


def test_column_names_that_are_none() -> None:
    """A name is a string, and of one column; the message says which is not."""
    with pytest.raises(SignatureError, match="column 0 of the sample has no string for a name"):
        infer_inputs(pd.DataFrame(np.zeros((2, 2))))
    twice = pd.DataFrame(np.zeros((2, 3)), columns=list("aba"))
    with pytest.raises(SignatureError, match="2 columns called 'a'; leave one"):
        infer_inputs(twice)
    with pytest.raises(SignatureError, match="2 columns called 'a'; leave one"):
        feeds(signature(Number(name="a")), twice)
    assert list(feeds(signature(Number(name="b")), twice)) == ["b"]


def test_inputs_of_several_lengths() -> None:
    """Every input has a value for each row."""
    pair = signature(Tensor(name="a", shape=()), Tensor(name="b", shape=()))
    with pytest.raises(SignatureError, match="number of rows: a has 2, b has 3"):
        feeds(pair, {"a": np.zeros(2), "b": np.zeros(3)})


def test_feed_is_in_the_graphs_types() -> None:
    """Missing is NaN or the empty string; each array has the dtype that the schema says."""
    rows = pd.DataFrame(
        {
            "plan": ["a", None],
            "vip": [True, None],
            "age": [30, 40],
            "fee": [1.5, np.nan],
            "more": [1, 2],
        }
    )
    feed = feeds(COLUMNS, rows)
    assert list(feed) == ["fee", "age", "vip", "plan"]
    for field in COLUMNS.inputs:
        assert feed[field.name].dtype == (object if dtype(field) == "str" else dtype(field))
    assert np.isnan(feed["fee"][1])
    assert np.isnan(feed["vip"][1])
    assert feed["plan"].tolist() == ["a", ""]


def test_every_form_of_rows_feeds_the_same() -> None:
    """DataFrame, list of records, dict of arrays and object array are one and the same feed."""
    records = [
        {"fee": 1.5, "age": 30, "vip": True, "plan": "a"},
        {"fee": 2.5, "age": 40, "vip": False, "plan": "b"},
    ]
    table = pd.DataFrame(records)
    expected = feeds(COLUMNS, table)
    for form in (records, {name: table[name].to_numpy() for name in table}, table.to_numpy()):
        feed = feeds(COLUMNS, form)
        assert all((feed[name] == expected[name]).all() for name in expected)


def test_every_form_of_tensors_feeds_the_same() -> None:
    """One tensor may come as an array, by name, as records or as a DataFrame of numbers."""
    beat = signature(Tensor(name="beat", shape=(2,)))
    array = np.array([[1.0, 2.0], [3.0, 4.0]])
    forms: list[Any] = [
        array,
        {"beat": array},
        [{"beat": [1, 2]}, {"beat": [3, 4]}],
        pd.DataFrame(array),
        pd.DataFrame({"beat": [[1, 2], [3, 4]]}),
    ]
    for form in forms:
        feed = feeds(beat, form)["beat"]
        assert feed.dtype == np.float32
        assert (feed == array).all()


def test_columns_keep_their_precision() -> None:
    """`columns` leaves values as they came, so that a model gets what it was trained on."""
    fine = columns(signature(Number(name="x")), pd.DataFrame({"x": [1 / 3]}))["x"]
    assert fine.dtype == np.float64


def test_record_without_a_nullable_field() -> None:
    """A field that no record has is missing in all of them."""
    feed = feeds(COLUMNS, [{"age": 3}])
    assert np.isnan(feed["fee"]).all()
    assert feed["plan"].tolist() == [""]


def test_missing_where_it_may_not_be() -> None:
    """A missing value in a column that is not nullable is refused by name and row."""
    with pytest.raises(SignatureError, match="age: row 1 is missing"):
        feeds(COLUMNS, [{"age": 3}, {"fee": 1.0}])


def test_sample_that_does_not_fit() -> None:
    """Absent columns, other shapes and words for numbers are refused by name."""
    with pytest.raises(SignatureError, match="the sample has no age"):
        feeds(COLUMNS, pd.DataFrame({"fee": [1.0], "vip": [True], "plan": ["a"]}))
    with pytest.raises(SignatureError, match=r"beat: rows have shape \[3\].*\[2\]"):
        feeds(signature(Tensor(name="beat", shape=(2,))), np.zeros((4, 3)))
    with pytest.raises(SignatureError, match=r"shape \[4, 3\] does not fit 4 inputs"):
        feeds(COLUMNS, np.zeros((4, 3)))
    with pytest.raises(SignatureError, match="age: cannot be read as int64"):
        feeds(COLUMNS, [{"age": "old"}])
