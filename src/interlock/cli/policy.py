"""`interlock policy`: check and show the policy of a model project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock import policy
from interlock.cli.output import Json, out, show_json
from interlock.errors import PolicyError

app = typer.Typer(no_args_is_help=True, help="Check and show interlock.toml.")

File = Annotated[Path, typer.Argument(metavar="[FILE]", help="The policy file.")]


@app.command()
def check(file: File = Path(policy.FILE), as_json: Json = False) -> None:
    """Say what a policy file will do, or everything that is wrong with it (exit code 2)."""
    from interlock.policy.summary import summary  # noqa: PLC0415

    try:
        read = policy.read(file)
    except PolicyError as error:
        if not as_json:
            raise
        show_json({"file": str(file), "good": False, "problems": error.problems})
        raise typer.Exit(error.exit_code) from None
    if as_json:
        show_json({"file": str(file), "good": True, "problems": [], **summary(read)})
        return
    out.print(f"{file} is good", markup=False)
    for topic, sentence in summary(read).items():
        out.print(f"  {topic:13} {sentence}", markup=False)


@app.command()
def show(file: File = Path(policy.FILE), as_json: Json = False) -> None:
    """Print the whole policy as TOML, every default filled in and every key explained."""
    from interlock.policy.writing import toml  # noqa: PLC0415

    read = policy.read(file)
    if as_json:
        show_json(read)
        return
    print(toml(read), end="")


@app.command()
def schema() -> None:
    """Print the JSON Schema of policy files, for editors."""
    from interlock.policy.schema import text  # noqa: PLC0415

    print(text(), end="")
