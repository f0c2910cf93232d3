"""What commands print: tables or JSON on standard output, all else on standard error."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def show_json(value: Any) -> None:
    """Print `value` as indented JSON, never coloured or wrapped."""
    text = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    print(text.decode())


def show_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print `rows` as a table (columns are the keys of the first) or as a JSON array.

    `empty` is what a person reads when there are none.
    """
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        out.print(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in rows[0]:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row.values()))
    show_table(table)


def show_table(table: Table) -> None:
    """Print `table`: a terminal folds what is too wide for it; in a pipe, a row is one line."""
    if out.is_terminal:
        out.print(table, soft_wrap=False)
        return
    # Rich would cut lines off at 80 columns, and fill the short ones up to the longest.
    drawn = io.StringIO()
    Console(highlight=False, width=1000, file=drawn).print(table)
    for line in drawn.getvalue().splitlines():
        print(line.rstrip())


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Any]:
    """A progress bar on standard error; yields ``advance(steps=1, note="")``.

    Without `total` it shows a spinner. Not a terminal: prints nothing at all.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    shown = columns if total is not None else columns[:2]
    with Progress(*shown, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(title, total=total)

        def advance(steps: int = 1, note: str = "") -> None:
            bar.update(task, advance=steps, description=f"{title} {note}".strip())

        yield advance
