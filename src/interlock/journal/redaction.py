"""Redaction: inputs that are sensitive are left out of the record, or only their hash is in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np

from interlock.journal.hashing import Hasher
from interlock.signature.schema import Input, Sensitive, Signature

Column: TypeAlias = Callable[[np.ndarray[Any, Any]], Sequence[Any]]

_encode = msgspec.msgpack.Encoder().encode


def manner(field: Input, subject: str = "") -> Sensitive:
    """How `field` is kept off the record. The input that names the subject is hashed, at least.

    >>> from interlock.signature.schema import Text
    >>> manner(Text(name="patient")), manner(Text(name="patient"), subject="patient")
    ('', 'hash')
    """
    return field.sensitive or ("hash" if field.name == subject else "")


def hashed(name: str, take: Column, hasher: Hasher) -> Column:
    """As `take`, with a hash in hexadecimal for each value; what is missing stays missing.

    The same value of the same input has the same hash, so that its rows can still be counted.
    """
    field = name.encode()

    def column(values: np.ndarray[Any, Any]) -> list[str | None]:
        return [
            None if value is None else hasher.digest(_encode((field, value)), "field").hex()
            for value in take(values)
        ]

    return column


def keeps_bodies(signature: Signature, subject: str = "") -> bool:
    """Whether the body of a request that failed may be recorded: a body cannot be redacted."""
    return not any(manner(field, subject) for field in signature.inputs)
