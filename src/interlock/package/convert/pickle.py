"""Pickle and joblib files: read at build time only, and only when the caller says so."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import joblib

from interlock.errors import ConversionError


class PickleWarning(UserWarning):
    """A pickle is being loaded, which runs whatever code is in it."""


def load(path: Path, trust_pickle: bool) -> Any:
    """The object in a pickle or joblib file; see `allow` for the condition.

    Raises
    ------
    ConversionError
        When the pickle is not trusted, or cannot be read.
    """
    allow(str(path), trust_pickle)
    try:
        return joblib.load(path)
    # A pickle can raise anything at all: it is a program.
    except Exception as error:
        raise ConversionError(f"{path}: cannot be unpickled: {error}") from error


def allow(what: str, trust_pickle: bool) -> None:
    """Warn that `what` is a pickle; raises ConversionError unless `trust_pickle`."""
    if not trust_pickle:
        raise ConversionError(
            f"{what} is a pickle, and loading a pickle runs whatever code is in it. If you know "
            "where it came from, say so with --trust-pickle (trust_pickle=True)."
        )
    warnings.warn(
        f"loading {what}: a pickle runs whatever code is in it, so load only files whose origin "
        "you know. The package built from it holds an ONNX graph and no pickle.",
        PickleWarning,
        stacklevel=3,
    )
