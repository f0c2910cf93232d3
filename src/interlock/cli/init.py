"""`interlock init`: a new model project that works as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.output import out
from interlock.train import project

app = typer.Typer(add_completion=False)

Name = Annotated[str, typer.Argument(help="Name of the model and of the directory to write.")]


@app.command()
def init(name: Name) -> None:
    """Write a small model project: policy file, training script, test."""
    directory = project.create(name, Path())
    out.print(f"wrote {directory}{'/'}: {', '.join(project.FILES.values())}", markup=False)
    out.print(
        f"\nnow try\n"
        f"  cd {directory}\n"
        f"  interlock train --register       # builds and registers dist/{name}-1.0.0\n"
        f"  interlock gate run {name} 1.0.0\n"
        f"  interlock model promote {name} 1.0.0 --to champion --reason 'first version'\n"
        f"  interlock serve {name}\n"
        f"README.md says what each does, and what comes next.",
        markup=False,
    )
