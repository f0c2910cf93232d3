"""Whom a row is about: the input that names the subject, where a package says that one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from interlock.errors import SignatureError
from interlock.signature.schema import Category, Integer, Signature, Text

Feed: TypeAlias = dict[str, np.ndarray[Any, Any]]
Reader: TypeAlias = Callable[[Feed], list[str | None]]
"""Takes a feed; returns the subject of each row, None where it is missing."""


def check(signature: Signature, name: str) -> None:
    """Refuse an input `name` that cannot name the subject.

    Raises
    ------
    SignatureError
        When there is no such input, or it is neither text, a category nor a whole number; or a
        whole number that may be missing, for that is a float of 24 bits in the graph, and two
        subjects could become one.
    """
    field = _of_kind(signature, name)
    if isinstance(field, Integer) and field.nullable:
        raise SignatureError(
            f"input {name} cannot name the subject: a whole number that may be missing is exact"
            " only up to 16777216. Make it a text, or never missing"
        )


def _of_kind(signature: Signature, name: str) -> Category | Integer | Text:
    field = signature.input(name)
    if not isinstance(field, Category | Integer | Text):
        raise SignatureError(
            f"input {name} cannot name the subject: that takes a text, a category or an integer"
        )
    return field


def reader(signature: Signature, name: str) -> Reader:
    """What reads the subject of each row out of the input `name`.

    >>> signature = Signature.from_json(b'''{"output": {"type": "value"},
    ...     "inputs": [{"type": "integer", "name": "patient", "nullable": true}]}''')
    >>> reader(signature, "patient")({"patient": np.array([7, np.nan], np.float32)})
    ['7', None]
    """
    _of_kind(signature, name)
    if isinstance(signature.input(name), Integer):
        return lambda feed: [
            str(int(value)) if np.isfinite(value) else None for value in feed[name]
        ]
    return lambda feed: [value or None for value in feed[name].tolist()]
