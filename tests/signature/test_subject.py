"""The input that names whom a row is about."""

from __future__ import annotations

import numpy as np
import pytest

from interlock.errors import SignatureError
from interlock.signature import (
    Category,
    Integer,
    Number,
    Signature,
    Tensor,
    Text,
    Value,
    subject,
)

VISIT = Signature(
    inputs=(
        Integer(name="patient"),
        Integer(name="case", nullable=True),
        Text(name="ward", nullable=True),
        Category(name="plan", values=("basic", "gold")),
        Number(name="age"),
    ),
    output=Value(),
)


@pytest.mark.parametrize(
    ("name", "values", "subjects"),
    [
        ("patient", np.array([7, 2**62 + 1]), ["7", "4611686018427387905"]),
        ("case", np.array([7, np.nan], np.float32), ["7", None]),
        ("ward", np.array(["north", ""], object), ["north", None]),
        ("plan", np.array(["gold", "basic"], object), ["gold", "basic"]),
    ],
)
def test_subjects_are_read_as_text(
    name: str, values: np.ndarray[tuple[int], np.dtype[np.generic]], subjects: list[str | None]
) -> None:
    """As a person would name them to have them erased; what is missing is None."""
    assert subject.reader(VISIT, name)({name: values}) == subjects


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("age", "that takes a text, a category or an integer"),
        ("bed", "no input is called 'bed'"),
        ("case", "exact only up to 16777216"),
    ],
)
def test_an_input_that_cannot_name_anybody_is_refused(name: str, reason: str) -> None:
    """The signature and the name are at odds before anything is served."""
    with pytest.raises(SignatureError, match=reason):
        subject.check(VISIT, name)


def test_a_tensor_names_nobody() -> None:
    """Two floats can be the same heartbeat, and never a name."""
    beats = Signature(inputs=(Tensor(name="beat", shape=(8,)),), output=Value())
    with pytest.raises(SignatureError, match="input beat cannot name the subject"):
        subject.reader(beats, "beat")
