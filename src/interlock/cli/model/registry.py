"""The registry, open for one command, and the words that all commands about models take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from interlock import settings
from interlock.cli.output import progress
from interlock.registry import Registry

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.")]
Number = Annotated[str, typer.Argument(metavar="VERSION", help="Semantic version: 1.2.0.")]


@contextmanager
def opened(title: str) -> Iterator[Registry]:
    """The registry that the settings name, with a spinner beside it called `title`."""
    registry = Registry(settings.read())
    try:
        with progress(title):
            yield registry
    finally:
        registry.close()
