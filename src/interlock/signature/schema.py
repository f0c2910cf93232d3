"""The description of a model's inputs and output: plain, frozen, serialisable data.

A signature has one of two shapes. *Tensors*: every input is a `Tensor` (an ECG beat: float32[140]).
*Records*: every input is a named column (`Number`, `Integer`, `Boolean`, `Category`, `Text`).
In the packaged graph a tensor input has the shape ``[rows, *shape]``, a column ``[rows]``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np

from interlock.errors import SignatureError

OutOfRange: TypeAlias = Literal["reject", "clip", "flag"]
Sensitive: TypeAlias = Literal["", "omit", "hash"]
TensorType: TypeAlias = Literal["float32", "float64", "int64", "int32", "bool"]


class Field(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What every input has: a name, and words for the people who fill it in.

    What is `sensitive` is not put on record (``omit``), or only as a keyed hash (``hash``).
    """

    name: str
    description: str = ""
    unit: str = ""
    sensitive: Sensitive = ""


class Tensor(Field, tag="tensor", frozen=True, kw_only=True):
    """An array per record. `shape` leaves out the batch axis; every dimension is fixed."""

    shape: tuple[int, ...]
    dtype: TensorType = "float32"
    # An int bound is read back as an int: above 2**53 a float would be another number.
    minimum: int | float | None = None
    maximum: int | float | None = None


class Number(Field, tag="number", frozen=True, kw_only=True):
    """A real number. Missing (when `nullable`) is NaN in the graph."""

    minimum: float | None = None
    maximum: float | None = None
    nullable: bool = False
    dtype: Literal["float32", "float64"] = "float32"


class Integer(Field, tag="integer", frozen=True, kw_only=True):
    """A whole number: int64 in the graph, float32 with NaN for missing when `nullable`."""

    minimum: int | None = None
    maximum: int | None = None
    nullable: bool = False


class Boolean(Field, tag="boolean", frozen=True, kw_only=True):
    """True or false: bool in the graph, float32 with NaN for missing when `nullable`."""

    nullable: bool = False


class Category(Field, tag="category", frozen=True, kw_only=True):
    """One of `values`. Missing (when `nullable`) is the empty string in the graph."""

    values: tuple[str, ...]
    nullable: bool = False


class Text(Field, tag="text", frozen=True, kw_only=True):
    """Free text of at most `max_length` characters; missing is the empty string in the graph."""

    max_length: int | None = None
    nullable: bool = False


Column: TypeAlias = Number | Integer | Boolean | Category | Text
Input: TypeAlias = Tensor | Column


class Classes(msgspec.Struct, tag="classes", frozen=True, kw_only=True, omit_defaults=True):
    """A label and a probability for each of `labels`, in that order.

    Graph outputs: ``label`` [rows] (string or int64) and ``probabilities`` float32 [rows, labels].
    """

    labels: tuple[str | int, ...]
    description: str = ""


class Value(msgspec.Struct, tag="value", frozen=True, kw_only=True, omit_defaults=True):
    """One number a record. Graph output: ``value`` float32 [rows]."""

    unit: str = ""
    description: str = ""


class Vector(msgspec.Struct, tag="vector", frozen=True, kw_only=True, omit_defaults=True):
    """A number for each of `steps` (month 1, month 2, …).

    Graph output: ``values`` float32 [rows, steps].
    """

    steps: tuple[str, ...]
    unit: str = ""
    description: str = ""


Output: TypeAlias = Classes | Value | Vector

_COLUMN_DTYPES: dict[type, str] = {
    Integer: "int64",
    Boolean: "bool",
    Category: "str",
    Text: "str",
}


def dtype(field: Input) -> str:
    """NumPy dtype name of an input in the graph; ``"str"`` for string tensors.

    >>> dtype(Integer(name="age")), dtype(Integer(name="age", nullable=True))
    ('int64', 'float32')
    """
    if isinstance(field, Tensor | Number):
        return field.dtype
    if isinstance(field, Integer | Boolean) and field.nullable:
        return "float32"
    return _COLUMN_DTYPES[type(field)]


def output_names(output: Output) -> tuple[str, ...]:
    """Names of the graph's outputs, in order."""
    match output:
        case Classes():
            return ("label", "probabilities")
        case Value():
            return ("value",)
        case Vector():
            return ("values",)


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One typed description of inputs and output, from which everything else is derived.

    Raises
    ------
    SignatureError
        When names repeat, tensors and columns are mixed, a range is empty, a category or label
        set is empty or repeats, a dimension is not positive, or a name cannot be matched in JSON.

    Examples
    --------
    >>> signature = Signature(
    ...     inputs=(Tensor(name="beat", shape=(140,), unit="mV"),),
    ...     output=Classes(labels=("normal", "other")),
    ... )
    >>> signature.kind
    'tensors'
    >>> Signature.from_json(signature.to_json()) == signature
    True
    """

    inputs: tuple[Input, ...]
    output: Output
    out_of_range: OutOfRange = "reject"

    def __post_init__(self) -> None:
        if not self.inputs:
            raise SignatureError("a signature needs at least one input")
        _refuse_repeats("input names", [field.name for field in self.inputs])
        if len({isinstance(field, Tensor) for field in self.inputs}) > 1:
            raise SignatureError("inputs are either all tensors or all columns, not both")
        for field in self.inputs:
            _check_input(field)
        match self.output:
            case Classes(labels=labels):
                _check_labels(labels)
            case Vector(steps=steps) if not steps:
                raise SignatureError("a vector output needs at least one step")
            case Vector(steps=steps):
                _refuse_repeats("steps", steps)
        try:
            msgspec.json.encode(self)
        except (TypeError, UnicodeEncodeError) as error:
            raise SignatureError(f"the signature cannot be written as JSON: {error}") from error

    @property
    def kind(self) -> Literal["tensors", "records"]:
        return "tensors" if isinstance(self.inputs[0], Tensor) else "records"

    def input(self, name: str) -> Input:
        """The input called `name`; raises SignatureError when there is none."""
        for field in self.inputs:
            if field.name == name:
                return field
        known = ", ".join(field.name for field in self.inputs)
        raise SignatureError(f"no input is called {name!r}; the inputs are {known}")

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @classmethod
    def from_json(cls, text: bytes | str) -> Signature:
        """Read what `to_json` wrote; raises SignatureError naming the field at fault."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.ValidationError as error:
            raise SignatureError(f"signature: {error}") from error
        except msgspec.DecodeError as error:
            raise SignatureError(f"signature is not JSON: {error}") from error


def bounds(field: Input) -> tuple[float, float] | None:
    """Declared range with open ends as infinities, or None where no range is declared."""
    if not isinstance(field, Tensor | Number | Integer):
        return None
    if field.minimum is None and field.maximum is None:
        return None
    low = -math.inf if field.minimum is None else field.minimum
    high = math.inf if field.maximum is None else field.maximum
    return low, high


def capacity(field: Tensor | Number | Integer) -> tuple[float, float]:
    """Least and greatest number that the graph can be given for `field`, whatever its range.

    >>> capacity(Tensor(name="counts", shape=(3,), dtype="int32"))
    (-2147483648, 2147483647)
    """
    kind = "int64" if isinstance(field, Integer) else field.dtype
    if kind.startswith("int"):
        whole = np.iinfo(kind)
        return int(whole.min), int(whole.max)
    real = np.finfo(kind)
    return float(real.min), float(real.max)


def _check_input(field: Input) -> None:
    _check_name(field.name)
    if isinstance(field, Tensor | Number | Integer) and bounds(field):
        _check_range(field)
    match field:
        case Tensor(shape=shape) if any(size < 1 for size in shape):
            raise SignatureError(f"{field.name}: shape {list(shape)} has a dimension below 1")
        case Text(max_length=int(length)) if length < 1:
            raise SignatureError(f"{field.name}: max_length {length} leaves room for no text")
        case Category(values=values) if not values:
            raise SignatureError(f"{field.name}: a category needs at least one value")
        case Category(values=values):
            _refuse_repeats(f"{field.name}: values", values)
            if "" in values:
                raise SignatureError(f"{field.name}: the empty string means missing; leave it out")


def _check_name(name: str) -> None:
    if not name:
        raise SignatureError("an input needs a name")
    # JSON would have to escape these, and msgspec matches names as they stand in the bytes.
    if any(letter < " " or letter in '"\\' for letter in name):
        raise SignatureError(
            f"input name {name!r} has a quote, a backslash or a control character; rename the input"
        )


def _check_range(field: Tensor | Number | Integer) -> None:
    if dtype(field) == "bool":
        raise SignatureError(f"{field.name}: true and false have no range")
    low, high = capacity(field)
    for bound in (field.minimum, field.maximum):
        if bound is not None and not low <= bound <= high:
            raise SignatureError(
                f"{field.name}: {bound} does not fit the input's dtype; leave an open end out"
            )
    low = low if field.minimum is None else field.minimum
    high = high if field.maximum is None else field.maximum
    if not low <= high:
        raise SignatureError(f"{field.name}: minimum {low} is above maximum {high}")
    if dtype(field).startswith("int") and math.ceil(low) > math.floor(high):
        raise SignatureError(f"{field.name}: no whole number lies between {low} and {high}")


def _check_labels(labels: Sequence[str | int]) -> None:
    if len(labels) < 2:
        raise SignatureError("a classifier needs at least two labels")
    kinds = {type(label) for label in labels}
    if kinds not in ({str}, {int}):
        raise SignatureError("labels are either all strings or all integers")
    if kinds == {int} and not all(-(2**63) <= int(label) < 2**63 for label in labels):
        raise SignatureError("integer labels are at most 64 bits wide")
    _refuse_repeats("labels", labels)


def _refuse_repeats(what: str, names: Sequence[Any]) -> None:
    if len(set(names)) != len(names):
        repeated = sorted({str(name) for name in names if names.count(name) > 1})
        raise SignatureError(f"{what} repeat: {', '.join(repeated)}")


def empty(field: Input, rows: int) -> np.ndarray[Any, Any]:
    """An array of `rows` zeros (or empty strings) in the graph's dtype and shape for `field`."""
    kind = dtype(field)
    shape = (rows, *field.shape) if isinstance(field, Tensor) else (rows,)
    return np.full(shape, "", object) if kind == "str" else np.zeros(shape, kind)
