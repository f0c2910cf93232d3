"""`interlock train`: fit the project's model under Interlock's splits, and package it."""

from __future__ import annotations

import tomllib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock import settings
from interlock.cli.output import Json, out, progress, show_json, show_rows
from interlock.errors import ConfigurationError
from interlock.policy import FILE
from interlock.registry import Registry

if TYPE_CHECKING:
    from interlock.train.runner import Trained

app = typer.Typer(add_completion=False)

PolicyFile = Annotated[
    Path,
    typer.Option("--policy", metavar="FILE", help="The policy; the project's code is beside it."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Package to write. Default: dist/NAME-VERSION."),
]
Previous = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Package that this one follows. Default: the newest one registered."
    ),
]
Register = Annotated[bool, typer.Option("--register", help="Register the package, too.")]


@app.command()
def train(
    *,
    policy: PolicyFile = Path(FILE),
    out_dir: Out = None,
    previous: Previous = None,
    chosen: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of fit. Repeatable."),
    ] = None,
    register: Register = False,
    as_json: Json = False,
) -> None:
    """Fit the project's model, judge it on rows that it has not seen, and build its package."""
    # What trains takes seconds to import.
    from interlock.train import runner  # noqa: PLC0415
    from interlock.train.job import Job  # noqa: PLC0415

    parameters = dict(parameter(text) for text in chosen or ())
    with closing(Registry(settings.read())) as registry:
        with progress("train", runner.STEPS) as advance:
            trained = runner.train(
                Job.read(policy),
                registry,
                parameters,
                before=previous,
                out=out_dir,
                notify=lambda step: advance(1, note=step),
            )
        if register:
            registry.register(trained.package.path)
    show(trained, registered=register, as_json=as_json)


def parameter(text: str) -> tuple[str, Any]:
    """Name and value of ``name=value``: a number, true, false or a list as in TOML, else a word.

    >>> parameter("depth=3"), parameter("rate=.1"), parameter("kernel=rbf")
    (('depth', 3), ('rate', 0.1), ('kernel', 'rbf'))
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigurationError(f"--set {text!r}: write NAME=VALUE, as in --set depth=3")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, _number(value)


def _number(text: str) -> float | str:
    """`text` as people write numbers and TOML does not, such as ``.1``; other words as they are."""
    try:
        return float(text)
    except ValueError:
        return text


def show(trained: Trained, *, registered: bool, as_json: bool, **more: Any) -> None:
    """What came of it: figures beside the trivial answer, then where the package is."""
    package, fitted, run = trained
    facts = {
        "package": package.name,
        "version": package.version,
        "digest": package.digest,
        "path": package.path,
        "parameters": fitted.parameters,
        "metrics": fitted.figures,
        "baseline": fitted.baseline,
        "registered": registered,
        "run": run,
        **more,
    }
    if as_json:
        show_json(facts)
        return
    show_rows(fitted.table(), as_json=False, empty="")
    name = f"{package.name} {package.version}"
    out.print(f"\n{name} is in {package.path}\n{package.digest}", markup=False)
    if registered:
        out.print(f"{package.name}:{package.version} is registered", markup=False)
