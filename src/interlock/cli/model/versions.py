"""`interlock model register`, `list`, `show` and `pull`: versions and their packages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.model.periods import manner, mover
from interlock.cli.model.registry import opened
from interlock.cli.output import Json, out, show_json, show_rows
from interlock.errors import ConfigurationError
from interlock.registry import Period, Version, cache

app = typer.Typer()

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
    with opened("registering") as registry:
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
    with opened("asking the registry") as registry:
        names = [name] if name else registry.models()
        versions = [version for one in names for version in registry.versions(one)]
    if as_json:
        show_json(versions)
        return
    empty = "no model is registered yet; see interlock model register --help"
    show_rows([_row(version) for version in versions], as_json=False, empty=empty)


@app.command()
def show(reference: Wanted, as_json: Json = False) -> None:
    """Show one version: digest, aliases and why, metrics, parents."""
    with opened("asking the registry") as registry:
        version = registry.resolve(reference)
        held = [] if as_json else registry.history(version.name)
    if as_json:
        show_json(version)
        return
    places = {
        one.alias: _place(one) for one in held if one.end is None and one.number == version.number
    }
    metrics = {
        f"{split}.{name}": f"{value:.4g}"
        for split, named in version.metrics.items()
        for name, value in named.items()
    }
    parents = {"parents": "\n".join(version.parents)} if version.parents else {}
    facts = {**_row(version), "digest": version.digest, **places, **parents, **metrics}
    show_rows([{"": key, " ": value} for key, value in facts.items()], as_json=False, empty="")


@app.command()
def pull(
    reference: Wanted,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also copy it there; must be new or empty.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch a package into the local cache, checked byte by byte, and say where it is."""
    with opened("pulling") as registry:
        path = registry.pull(reference)
    if to is not None:
        path = cache.copy(path, to)
    if as_json:
        show_json({"reference": reference, "path": path})
        return
    out.print(str(path))


def _row(version: Version) -> dict[str, str]:
    return {
        "model": version.name,
        "version": version.version,
        "aliases": ", ".join(_marked(version)),
        "digest": version.digest[:19],
        "created": version.created[:19] + "Z",
    }


def _place(period: Period) -> str:
    """By what right a version holds an alias."""
    told = ", ".join(word for word in (mover(period), manner(period)) if word)
    return f"{told}: {period.reason}" if period.reason else told


def _marked(version: Version) -> list[str]:
    return [f"{one}{_mark(one, version)}" for one in version.aliases]


def _mark(alias: str, version: Version) -> str:
    if alias in version.foreign:
        return " (without evidence: not by Interlock)"
    return " (forced)" if alias in version.forced else ""
