"""`interlock model`: register versions, move aliases, and ask which was live when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from interlock import settings
from interlock.cli.output import Json, out, progress, show_json, show_rows
from interlock.errors import ConfigurationError
from interlock.registry import Period, Registry, Version, cache, moment

app = typer.Typer(no_args_is_help=True, help="Register versions and say which is live.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.")]
Wanted = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="NAME (its champion), NAME@alias or NAME:1.2.0.")
]


@app.command()
def register(
    package: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the package.")],
    alias: Annotated[
        str | None, typer.Option(help="Put this alias on the version, too.", show_default=False)
    ] = None,
    reason: Annotated[str, typer.Option(help="Why it gets the alias; goes into the history.")] = "",
    as_json: Json = False,
) -> None:
    """Check a package and register it; the same package twice is one version."""
    if alias and not reason:
        raise ConfigurationError("an alias needs a --reason: it goes into the history")
    with _registry("registering") as registry:
        version = registry.register(package)
        if alias:
            version = registry.set_alias(version.name, alias, version.version, reason)
    if as_json:
        show_json(version)
        return
    out.print(f"{version} is registered ({version.digest})")


@app.command("list")
def list_versions(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this model.")] = None,
    as_json: Json = False,
) -> None:
    """List models and their versions."""
    with _registry("asking the registry") as registry:
        names = [name] if name else registry.models()
        versions = [version for one in names for version in registry.versions(one)]
    if as_json:
        show_json(versions)
        return
    empty = "no model is registered yet; see interlock model register --help"
    show_rows([_row(version) for version in versions], as_json=False, empty=empty)


@app.command()
def show(reference: Wanted, as_json: Json = False) -> None:
    """Show one version: digest, aliases, metrics and parents."""
    with _registry("asking the registry") as registry:
        version = registry.resolve(reference)
    if as_json:
        show_json(version)
        return
    metrics = {
        f"{split}.{name}": f"{value:.4g}"
        for split, named in version.metrics.items()
        for name, value in named.items()
    }
    parents = {"parents": "\n".join(version.parents)} if version.parents else {}
    facts = {**_row(version), "digest": version.digest, **parents, **metrics}
    show_rows([{"": key, " ": value} for key, value in facts.items()], as_json=False, empty="")


@app.command()
def alias(
    name: Name,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Semantic version: 1.2.0.")],
    alias: Annotated[
        str, typer.Argument(metavar="ALIAS", help="champion, challenger, staging or another word.")
    ],
    *,
    reason: Annotated[str, typer.Option(help="Why; it goes into the history.")],
    delete: Annotated[
        bool, typer.Option("--delete", help="Take the alias away, if it is on VERSION.")
    ] = False,
) -> None:
    """Put an alias on a version, or take it away. The history keeps who, when and why."""
    with _registry("moving the alias") as registry:
        if delete:
            registry.remove_alias(name, alias, reason, version=version)
        else:
            registry.set_alias(name, alias, version, reason)
    done = f"{alias} is no longer on {name}:{version}" if delete else f"{alias} is {name}:{version}"
    out.print(done)


@app.command()
def history(
    name: Name,
    at: Annotated[
        str | None, typer.Option(metavar="TIMESTAMP", help="Only what was live then (UTC).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell which version was live when, who put it there and why."""
    then = moment.parse(at) if at else None
    with _registry("reading the history") as registry:
        periods = registry.history(name)
    shown = [period for period in periods if then is None or period.covers(then)]
    if as_json:
        show_json(shown)
        return
    empty = f"no alias of {name} was set at {then}" if then else f"{name} never had an alias"
    show_rows([_line(period) for period in shown], as_json=False, empty=empty)


@app.command()
def pull(
    reference: Wanted,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also copy it there; must be new or empty.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch a package into the local cache, checked byte by byte, and say where it is."""
    with _registry("pulling") as registry:
        path = registry.pull(reference)
    if to is not None:
        path = cache.copy(path, to)
    if as_json:
        show_json({"reference": reference, "path": path})
        return
    out.print(str(path))


@contextmanager
def _registry(title: str) -> Iterator[Registry]:
    registry = Registry(settings.read())
    try:
        with progress(title):
            yield registry
    finally:
        registry.close()


def _row(version: Version) -> dict[str, str]:
    return {
        "model": version.name,
        "version": version.version,
        "aliases": ", ".join(version.aliases),
        "digest": version.digest[:19],
        "created": version.created[:19] + "Z",
    }


def _line(period: Period) -> dict[str, str | None]:
    behind = "unknown (moved without Interlock)"
    return {
        "alias": period.alias,
        "version": period.version or f"MLflow version {period.number}",
        "from": period.start,
        "to": period.end or "now",
        "who": behind if period.noticed else period.actor,
        "why": period.reason,
    }
