"""`interlock serve`: models over HTTP, from the registry or straight from a directory."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn, TypeAlias

import structlog
import typer

from interlock import log, settings
from interlock.cli.output import err, progress
from interlock.cli.routes import Routes, served
from interlock.errors import ConfigurationError
from interlock.registry import Registry, parse
from interlock.registry.reference import CHAMPION
from interlock.routing.route import Route
from interlock.serve import table
from interlock.serve.table import Deployment, Table
from interlock.settings import Settings

_log = structlog.get_logger()

app = typer.Typer(help="Serve models over HTTP.", add_completion=False)

# Workers have one engine thread each: a pool that a library starts at import only takes memory.
_QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


References: TypeAlias = Annotated[
    list[str] | None, typer.Argument(metavar="NAME[@ALIAS|:VERSION]…", show_default=False)
]
Packages: TypeAlias = Annotated[
    list[Path] | None, typer.Option("--package", help="Serve a package directory.")
]
Host: TypeAlias = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port: TypeAlias = Annotated[int | None, typer.Option(help="Port to listen on; 0 picks one.")]
Workers: TypeAlias = Annotated[int | None, typer.Option(help="Worker processes.")]


@app.command()
def serve(
    references: References = None,
    directory: Packages = None,
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
) -> None:
    """Serve NAME (its champion), NAME@ALIAS, NAME:VERSION, or a package directory.

    A model served by alias is replaced, without a failed request, when the alias moves.
    SIGHUP looks again at once; SIGTERM drains.
    """
    launch(references, directory, host=host, port=port, workers=workers)


def launch(
    references: list[str] | None,
    directories: list[Path] | None,
    *,
    host: str | None,
    port: int | None,
    workers: int | None,
    control: list[str] | None = None,
) -> NoReturn:
    """Become a server of all that; with `control`, options of it, a controller runs beside it.

    Raises
    ------
    ConfigurationError, RegistryError, PackageError
        When a setting cannot be used, or something cannot be fetched or is not what it should be.
    """
    current = settings.read(host=host, port=port, workers=workers)
    for variable in settings.unknown():
        err.print(f"interlock: {variable} is not a setting; see `interlock settings`")
    wanted = Table(deployments=tuple(_checked(directories or [], references or [], current)))
    run = _run_directory(current)
    table.write(run, wanted)
    python = [sys.executable, *(["-I"] if sys.flags.isolated else [])]
    command = [*python, "-m", "interlock.serve", str(run)]
    if control is not None:
        command += ["--control", *python, "-m", "interlock.cli", "control", *control]
    followed = [given for given in references or [] if not parse(given).fixed]
    if followed:
        command += ["--follow", *python, "-m", "interlock.cli.follow", str(run), *followed]
    os.execve(command[0], command, _environment(host=host, port=port, workers=workers))


def _checked(
    directories: list[Path], references: list[str], current: Settings
) -> Iterator[Deployment]:
    """What is to be served, every byte checked, and fetched where it is not here or damaged.

    As that can take a while, a terminal sees a bar, and a log has one line.
    """
    registry = Registry(current)
    looks = [(str(path), partial(table.describe, path)) for path in directories]
    routes = _routes(current, references)
    looks += [
        (given, partial(served, registry, given, routes.get(parse(given).name)))
        for given in references
    ]
    if looks and not err.is_terminal:
        log.configure(current)
        _log.info("fetching and checking packages", packages=[name for name, _ in looks])
    with progress("fetch and check", total=len(looks)) as advance:
        for name, look in looks:
            advance(0, note=name)
            yield look()
            advance(1, note=name)


def _routes(current: Settings, references: list[str]) -> dict[str, Route]:
    """The routes in force, if anything is named that may have one."""
    if not any(parse(given).alias == CHAMPION for given in references):
        return {}
    routes = Routes(current)
    routes.look()
    return routes.known


def _environment(**options: object) -> dict[str, str]:
    """The environment of this process with the command line's options as settings."""
    given = {
        settings.PREFIX + name.upper(): str(value)
        for name, value in options.items()
        if value is not None
    }
    return {**_QUIET, **os.environ, **given}


def _run_directory(current: Settings) -> Path:
    """A fresh directory for this process; those of processes that are gone are swept away."""
    home = current.home / "run"
    run = home / str(os.getpid())
    try:
        home.mkdir(parents=True, exist_ok=True)
        for old in home.iterdir():
            if old.name.isdigit() and not Path("/proc", old.name).exists():
                shutil.rmtree(old, ignore_errors=True)
        run.mkdir()
    except OSError as error:
        if run.exists():
            raise ConfigurationError(
                f"{run} exists already: another container shares INTERLOCK_HOME={current.home}."
                " Give each its own."
            ) from None
        raise ConfigurationError(
            f"INTERLOCK_HOME={current.home}: {home} cannot be written: {error.strerror}"
        ) from error
    return run
