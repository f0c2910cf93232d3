"""The Arrow schema of a signature: how its records and answers look as columns of a table."""

from __future__ import annotations

import pyarrow as pa

from interlock.signature.schema import (
    Boolean,
    Category,
    Classes,
    Input,
    Integer,
    Number,
    Output,
    Signature,
    Tensor,
    Value,
    Vector,
)

_TYPES = {
    "float32": pa.float32(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "bool": pa.bool_(),
}


def inputs(signature: Signature) -> pa.Schema:
    """One column an input; a tensor is a (nested) fixed-size list.

    >>> from interlock.signature import Signature, Tensor, Value
    >>> inputs(Signature(inputs=(Tensor(name="beat", shape=(140,)),), output=Value())).field("beat")
    pyarrow.Field<beat: fixed_size_list<item: float>[140] not null>
    """
    return pa.schema([_field(item) for item in signature.inputs])


def answers(signature: Signature) -> pa.Schema:
    """Identification, then label and probabilities, value, or values."""
    identity = [
        pa.field(name, pa.string(), False) for name in ("prediction_id", "model", "version")
    ]
    return pa.schema(identity + _output(signature.output))


def _field(item: Input) -> pa.Field:
    nullable = getattr(item, "nullable", False)
    notes = {"description": item.description, "unit": item.unit}
    metadata = {key: value for key, value in notes.items() if value}
    return pa.field(item.name, _type(item), nullable, metadata or None)


def _type(item: Input) -> pa.DataType:
    match item:
        case Tensor():
            kind = _TYPES[item.dtype]
            for size in reversed(item.shape):
                kind = pa.list_(kind, size)
            return kind
        case Number():
            return _TYPES[item.dtype]
        case Integer():
            return pa.int64()
        case Boolean():
            return pa.bool_()
        case Category():
            return pa.dictionary(pa.int32(), pa.string())
        case _:
            return pa.string()


def _output(output: Output) -> list[pa.Field]:
    match output:
        case Classes(labels=labels):
            kind = pa.string() if isinstance(labels[0], str) else pa.int64()
            shares = pa.struct([pa.field(str(label), pa.float32(), False) for label in labels])
            return [
                pa.field("label", kind, False),
                pa.field("confidence", pa.float32(), False),
                pa.field("probabilities", shares, False),
            ]
        case Value():
            return [pa.field("value", pa.float32(), False)]
        case Vector(steps=steps):
            values = pa.struct([pa.field(step, pa.float32(), False) for step in steps])
            return [pa.field("values", values, False)]
