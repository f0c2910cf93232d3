"""Writes cli.md, the reference of the command line, from what `--help` says.

python docs/cli.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.core
import typer.main

from interlock import cli

PAGE = Path(__file__).with_suffix(".md")
WIDTH = 88
HEAD = """\
# The command line

What `--help` says of every command. Commands print tables for people on standard output, or JSON
with `--json`; warnings, progress and errors go to standard error. Settings that are not options
are environment variables: see [serving](serving.md#settings).

A command ends with 0 when all went well, 1 when a check failed (a file was changed, the graph
answers otherwise than the model, a version is too low), 2 when what it was given cannot be used
(a setting, an option, a signature), and 3 for every other failure. `interlock gate run` ends with
its [verdict](gates.md#verdicts-and-exit-codes).

This page is made by `python docs/cli.py`. Do not edit it.
"""


def page() -> str:
    """The whole page."""
    # rich draws boxes as wide as the terminal; this is the same text without them.
    drawn, typer.core.HAS_RICH = typer.core.HAS_RICH, False
    try:
        sections = [f"\n## {name}\n\n```text\n{text}\n```\n" for name, text in helps()]
    finally:
        typer.core.HAS_RICH = drawn
    return HEAD + "".join(sections)


def helps() -> Iterator[tuple[str, str]]:
    """Every command with its help, as in a terminal that is `WIDTH` wide."""
    root: Any = typer.main.get_command(cli.app)
    context = root.make_context(
        "interlock", [], resilient_parsing=True, terminal_width=WIDTH, max_content_width=WIDTH
    )
    yield from _helps(root, context)


def _helps(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    yield context.command_path, command.get_help(context).rstrip()
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        inner = command.get_command(context, name)
        yield from _helps(inner, inner.make_context(name, [], context, resilient_parsing=True))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
