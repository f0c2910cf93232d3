"""From a sample of data to inputs, and from rows in any form to what the graph is fed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from interlock.errors import SignatureError
from interlock.signature.schema import (
    Boolean,
    Category,
    Column,
    Input,
    Integer,
    Number,
    Signature,
    Tensor,
    TensorType,
    Text,
    dtype,
)

Shape: TypeAlias = Literal["auto", "records", "tensors"]
Array: TypeAlias = np.ndarray[Any, Any]

MOST_CATEGORIES = 50
"""A text column with more distinct values than this is `Text`, not `Category`."""

_TENSOR_TYPES: tuple[TensorType, ...] = ("float32", "float64", "int64", "int32", "bool")


def infer_inputs(sample: Any, *, shape: Shape = "auto", name: str = "input") -> tuple[Input, ...]:
    """Inputs that describe `sample`, without ranges.

    Parameters
    ----------
    sample
        A DataFrame or a list of records (one column each), an array or a list of numbers (one
        tensor called `name`; the first axis is rows), or a dict of arrays (a tensor each).
    shape
        ``"records"`` or ``"tensors"`` to have it that way: a numeric DataFrame as one tensor, a
        2-D array as columns ``x0, x1, …``.

    Raises
    ------
    SignatureError
        When a column or array is of a kind that no input describes, or a column's name is none;
        names it.

    Examples
    --------
    >>> infer_inputs(np.zeros((5, 140), np.float32), name="beat")
    (Tensor(name='beat', ..., shape=(140,), dtype='float32', ...),)
    >>> infer_inputs(pd.DataFrame({"age": [30, 40]}))
    (Integer(name='age', ..., nullable=False),)
    """
    wants_tensors = shape == "tensors"
    if _are_records(sample):
        sample = pd.DataFrame(sample) if not wants_tensors else _stacked(sample)
    if isinstance(sample, pd.DataFrame):
        if wants_tensors:
            return (_tensor(name, sample.to_numpy()),)
        _check_names(sample)
        return tuple(_column(column, sample[column]) for column in sample.columns)
    if isinstance(sample, Mapping) and not wants_tensors and shape == "records":
        return infer_inputs(pd.DataFrame(sample))
    if isinstance(sample, Mapping):
        return tuple(_tensor(key, _array(array)) for key, array in sample.items())
    array = _array(sample)
    if shape == "records":
        return infer_inputs(pd.DataFrame(array).add_prefix("x"))
    return (_tensor(name, array),)


def columns(signature: Signature, sample: Any) -> dict[str, Array]:
    """`sample` as one array an input, at its own precision and with its own missing values.

    Parameters
    ----------
    sample
        A DataFrame, a list of records, a dict of arrays, or one array: the signature's only tensor,
        or a 2-D array with a column for each input.

    Raises
    ------
    SignatureError
        When an input is absent from the sample or has another shape.
    """
    names = [field.name for field in signature.inputs]
    if isinstance(sample, Mapping):
        found = {name: _array(sample[name]) for name in names if name in sample}
    elif isinstance(sample, pd.DataFrame):
        found = _frame_columns(signature, sample)
    elif _are_records(sample):
        found = _record_columns(signature, sample)
    else:
        found = _array_columns(signature, _array(sample))
    absent = [name for name in names if name not in found]
    if absent:
        raise SignatureError(f"the sample has no {', '.join(absent)}, which the signature needs")
    _check_rows(found)
    return found


def feeds(signature: Signature, sample: Any) -> dict[str, Array]:
    """What the graph is fed for `sample`: an array an input, in the graph's dtypes.

    Missing is NaN, or the empty string for categories and text.

    Raises
    ------
    SignatureError
        When an input is absent, has another shape, or holds what its type cannot.

    Examples
    --------
    >>> from interlock.signature.schema import Value
    >>> signature = Signature(inputs=(Category(name="plan", values=("a",)),), output=Value())
    >>> feeds(signature, [{"plan": "a"}, {"plan": None}])
    {'plan': array(['a', ''], dtype=object)}
    """
    found = columns(signature, sample)
    return {field.name: _feed(field, found[field.name]) for field in signature.inputs}


def _are_records(sample: Any) -> bool:
    """Whether `sample` is a list of records; a list of anything else is read as an array."""
    if not isinstance(sample, list) or not any(isinstance(row, Mapping) for row in sample):
        return False
    for place, row in enumerate(sample):
        if not isinstance(row, Mapping):
            raise SignatureError(f"row {place} of the sample is {row!r:.60}, not a record")
    return True


def _array(values: Any) -> Array:
    """`values` as an array with an axis of rows."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise SignatureError(f"the sample's rows are not of one shape: {error}") from error
    if array.ndim < 1:
        raise SignatureError(
            f"{values!r:.60} is no sample: give rows, in a DataFrame, an array, a dict of arrays "
            "or a list of records"
        )
    return array


def _check_names(frame: pd.DataFrame) -> None:
    """Each column needs a name that callers can write in JSON, and that no other has."""
    if others := [column for column in frame.columns if not isinstance(column, str)]:
        raise SignatureError(
            f"column {others[0]!r} of the sample has no string for a name; rename it "
            "(frame.columns.astype(str)), or give an array"
        )
    _check_single(frame, list(frame.columns))


def _check_single(frame: pd.DataFrame, names: Sequence[str]) -> None:
    found = list(frame.columns)
    if repeated := [name for name in names if found.count(name) > 1]:
        raise SignatureError(
            f"the sample has {found.count(repeated[0])} columns called {repeated[0]!r}; leave one"
        )


def _check_rows(found: Mapping[str, Array]) -> None:
    rows = {name: len(array) for name, array in found.items()}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name} has {count}" for name, count in rows.items())
        raise SignatureError(f"the sample's inputs differ in their number of rows: {counts}")


def _tensor(name: str, array: Array) -> Tensor:
    kind = next((kind for kind in _TENSOR_TYPES if array.dtype == kind), None)
    if array.dtype.kind == "f":
        kind = "float32"
    elif array.dtype.kind in "iu":
        kind = kind or "int64"
    if kind is None:
        raise SignatureError(
            f"{name}: an array of {array.dtype} cannot be a tensor, which is of numbers or booleans"
        )
    return Tensor(name=name, shape=array.shape[1:], dtype=kind)


def _column(name: str, values: pd.Series[Any]) -> Column:
    nullable = bool(values.isna().any())
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if isinstance(values.dtype, pd.CategoricalDtype):
        kind = pd.api.types.infer_dtype(values.cat.categories, skipna=True)
    match kind:
        case "boolean":
            return Boolean(name=name, nullable=nullable)
        case "integer":
            return Integer(name=name, nullable=nullable)
        case "floating" | "mixed-integer-float" | "decimal":
            return Number(name=name, nullable=nullable)
        case "string":
            return _words(name, values, nullable)
        case "empty":
            raise SignatureError(f"{name}: every value in the sample is missing")
    raise SignatureError(
        f"{name}: a column of {kind} values has no type here; make it numbers, booleans or strings"
    )


def _words(name: str, values: pd.Series[Any], nullable: bool) -> Category | Text:
    distinct = set(values.dropna().unique())
    if isinstance(values.dtype, pd.CategoricalDtype):
        distinct = set(values.cat.categories)
    nullable = nullable or "" in distinct
    distinct -= {""}
    if 0 < len(distinct) <= MOST_CATEGORIES:
        return Category(name=name, values=tuple(sorted(distinct)), nullable=nullable)
    return Text(name=name, nullable=nullable)


def _frame_columns(signature: Signature, sample: pd.DataFrame) -> dict[str, Array]:
    only = signature.inputs[0]
    if isinstance(only, Tensor) and len(signature.inputs) == 1 and only.name not in sample:
        return {only.name: _shaped(only, sample.to_numpy())}
    _check_single(sample, [field.name for field in signature.inputs])
    found = {f.name: sample[f.name].to_numpy() for f in signature.inputs if f.name in sample}
    if signature.kind == "tensors":
        return {name: _array(list(rows)) for name, rows in found.items()}
    return found


def _record_columns(signature: Signature, records: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    if signature.kind == "tensors":
        return _stacked(records)
    frame = pd.DataFrame.from_records(records)
    # A column that no record has is all missing; whether that may be is for `feeds` to say.
    return {
        field.name: frame[field.name].to_numpy()
        if field.name in frame
        else np.full(len(records), None, object)
        for field in signature.inputs
    }


def _stacked(records: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    for place, row in enumerate(records):
        if absent := [name for name in records[0] if name not in row]:
            raise SignatureError(f"row {place} of the sample has no {absent[0]}")
    return {name: _array([row[name] for row in records]) for name in records[0]}


def _array_columns(signature: Signature, array: Array) -> dict[str, Array]:
    only = signature.inputs[0]
    if len(signature.inputs) == 1 and isinstance(only, Tensor):
        return {only.name: _shaped(only, array)}
    if signature.kind == "records" and array.ndim == 1 and len(signature.inputs) == 1:
        return {only.name: array}
    if signature.kind == "records" and array.shape[1:] == (len(signature.inputs),):
        return {field.name: array[:, i] for i, field in enumerate(signature.inputs)}
    raise SignatureError(
        f"an array of shape {list(array.shape)} does not fit {len(signature.inputs)} inputs; "
        "give a DataFrame or a dict of arrays"
    )


def _shaped(field: Tensor, array: Array) -> Array:
    if array.shape[1:] != field.shape:
        raise SignatureError(
            f"{field.name}: rows have shape {list(array.shape[1:])}, "
            f"the signature says {list(field.shape)}"
        )
    return array


def _feed(field: Input, values: Array) -> Array:
    kind = dtype(field)
    if isinstance(field, Tensor):
        return np.ascontiguousarray(_shaped(field, values), dtype=kind)
    missing = pd.isna(values)
    if kind == "str":
        return np.where(missing, "", values.astype(object)).astype(object)
    if missing.any() and not kind.startswith("float"):
        row = int(np.argmax(missing))
        raise SignatureError(f"{field.name}: row {row} is missing, but the column is not nullable")
    if values.dtype == object:
        values = np.where(missing, np.nan, values) if missing.any() else values
    return _cast(field.name, values, kind)


def _cast(name: str, values: Array, kind: str) -> Array:
    try:
        return values.astype(kind)
    except (TypeError, ValueError) as error:
        raise SignatureError(f"{name}: cannot be read as {kind}: {error}") from error
