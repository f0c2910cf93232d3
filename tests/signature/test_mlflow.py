from __future__ import annotations

from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

from interlock.signature import mlflow
from interlock.signature.schema import (
    Boolean,
    Category,
    Classes,
    Integer,
    Number,
    Output,
    Signature,
    Tensor,
    Text,
    Value,
    Vector,
)


def read(signature: Signature) -> tuple[dict[str, object], dict[str, object]]:
    """Inputs and outputs as MLflow itself understands them: name → (dtype, shape)."""
    found = ModelSignature.from_dict(mlflow.document(signature))
    return _specs(found.inputs), _specs(found.outputs)


def _specs(schema: Schema) -> dict[str, object]:
    tensors = [spec for spec in schema.inputs if isinstance(spec, TensorSpec)]
    assert len(tensors) == len(schema.inputs)
    return {str(spec.name): (str(spec.type), spec.shape) for spec in tensors}


def outputs(output: Output) -> dict[str, object]:
    return read(Signature(inputs=(Number(name="x"),), output=output))[1]


def test_tensors_keep_their_shape_and_type() -> None:
    """The batch axis is open, the others are fixed."""
    inputs = (
        Tensor(name="beat", shape=(140,)),
        Tensor(name="mask", shape=(2, 3), dtype="bool"),
        Tensor(name="scale", shape=(), dtype="float64"),
    )
    assert read(Signature(inputs=inputs, output=Value()))[0] == {
        "beat": ("float32", (-1, 140)),
        "mask": ("bool", (-1, 2, 3)),
        "scale": ("float64", (-1,)),
    }


def test_columns_are_tensors_of_rank_one() -> None:
    """Each in the type that the graph takes; strings are objects."""
    inputs = (
        Number(name="dose"),
        Integer(name="age"),
        Integer(name="children", nullable=True),
        Boolean(name="smokes"),
        Category(name="größe", values=("s", "m")),
        Text(name="note"),
    )
    assert read(Signature(inputs=inputs, output=Value()))[0] == {
        "dose": ("float32", (-1,)),
        "age": ("int64", (-1,)),
        "children": ("float32", (-1,)),
        "smokes": ("bool", (-1,)),
        "größe": ("object", (-1,)),
        "note": ("object", (-1,)),
    }


def test_outputs_are_those_of_the_graph() -> None:
    """Labels of either kind with their probabilities; a value; a vector."""
    assert outputs(Classes(labels=("no", "yes", "maybe"))) == {
        "label": ("object", (-1,)),
        "probabilities": ("float32", (-1, 3)),
    }
    assert outputs(Classes(labels=(0, 1)))["label"] == ("int64", (-1,))
    assert outputs(Value()) == {"value": ("float32", (-1,))}
    assert outputs(Vector(steps=("1", "2"))) == {"values": ("float32", (-1, 2))}
