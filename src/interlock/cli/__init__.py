"""The `interlock` command: a table of commands, each loaded only when it is called."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from interlock.errors import InterlockError, RequestError

COMMANDS = {
    "init": "interlock.cli.init",
    "policy": "interlock.cli.policy",
    "train": "interlock.cli.train",
    "tune": "interlock.cli.tune",
    "package": "interlock.cli.package",
    "model": "interlock.cli.model",
    "gate": "interlock.cli.gate",
    "serve": "interlock.cli.serve",
    "rollout": "interlock.cli.rollout",
    "control": "interlock.cli.control",
    "up": "interlock.cli.up",
    "label": "interlock.cli.label",
    "journal": "interlock.cli.journal",
    "database": "interlock.cli.database",
    "erase": "interlock.cli.erase",
    "keys": "interlock.cli.keys",
    "audit": "interlock.cli.audit",
    "demo": "interlock.cli.demo",
    "settings": "interlock.cli.settings",
}


class _Commands(TyperGroup):
    """Imports the module behind a command when it is asked for: MLflow alone takes seconds."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name])
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Takes a trained model to production and keeps it good there.",
)


@app.callback()
def _root() -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an `InterlockError` ends it with one line and its exit code.

    A warning of ours is one line, too; those of libraries and projects look as they always do.
    """
    warnings.showwarning = _shown
    try:
        app(arguments, prog_name="interlock")
    except InterlockError as error:
        detail = f" (at {error.path})" if isinstance(error, RequestError) and error.path else ""
        print(f"interlock: {error}{detail}", file=sys.stderr)
        sys.exit(error.exit_code)


def _shown(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    *_: Any,
    **_more: Any,
) -> None:
    ours = Path(__file__).parents[1] in Path(filename).parents
    whole = warnings.formatwarning(message, category, filename, lineno)
    print(f"warning: {message}" if ours else whole.rstrip(), file=sys.stderr)
