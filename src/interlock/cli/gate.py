"""`interlock gate`: put a version before the gates, and show what they found."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeAlias

import msgspec
import typer
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand

from interlock import policy as policies
from interlock import settings
from interlock.cli.output import Json, out, progress, show_json, show_rows, show_table
from interlock.errors import ConfigurationError, InterlockError
from interlock.evidence.verdict import COLOURS
from interlock.policy import FILE, GATES, Policy
from interlock.registry import Reference, Registry

if TYPE_CHECKING:
    from interlock.gates.finding import Finding
    from interlock.gates.runner import Notify, Outcome

app = typer.Typer(no_args_is_help=True, help="Put versions before the gates.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.")]
Number = Annotated[str, typer.Argument(metavar="VERSION", help="Semantic version: 1.2.0.")]
PolicyFile = Annotated[Path, typer.Option("--policy", metavar="FILE", help="The model's policy.")]
Target: TypeAlias = Literal["staging", "champion"]

EXIT = {"passed": 0, "failed": 1, "inconclusive": 2, "error": 3}
"""What `gate run` ends with, for continuous integration."""
USAGE = 2
"""What every other command ends with when it is called wrongly."""


class _Verdict(TyperCommand):
    """A command that ends with 2 when it is not sure, and so with 3 when it cannot be read."""

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        try:
            return super().make_context(*arguments, **named)
        except Exception as error:
            if getattr(error, "exit_code", 0) == USAGE:
                error.exit_code = EXIT["error"]  # type: ignore[attr-defined]
            raise


@app.command(cls=_Verdict)
def run(
    name: Name,
    version: Number,
    *,
    gate: Annotated[
        list[str] | None, typer.Option(help="Only this gate. Repeatable.", show_default=False)
    ] = None,
    to: Annotated[Target, typer.Option(help="Run what a version needs to become this.")] = (
        "champion"
    ),
    policy: PolicyFile = Path(FILE),
    holdout: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Holdout rows, not those of the policy.")
    ] = None,
    staging: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Staging rows, not those of the policy.")
    ] = None,
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="For the report; default: gates/NAME-VERSION."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run gates, keep what they find with the version, and write a report.

    Ends with 0 passed, 1 failed, 2 inconclusive, 3 when a gate could not look, or none could.
    """
    out_dir = out_dir or Path("gates") / f"{name}-{version}"
    files = {"holdout": holdout, "staging": staging}
    with _verdicts_alone(), _ended_by_sigterm():
        rules = policies.read(policy)
        names = _known(gate) if gate else _needed(rules, to, policy)
        asked = Reference(name=name, version=version)
        outcome, page = _run(asked, rules, names, file=policy, files=files, out_dir=out_dir)
    _tell(outcome, page, as_json=as_json)
    raise typer.Exit(EXIT[outcome.verdict])


@app.command("list")
def list_gates(policy: PolicyFile = Path(FILE), as_json: Json = False) -> None:
    """List the gates, what each asks, and what the policy needs it for."""
    from interlock.gates.runner import GATES as FOUND  # noqa: PLC0415 - loads the engine

    rules = policies.read(policy) if policy.exists() else None
    rows = [
        {"gate": name, "asks": found.asks, "needed_for": _needed_for(rules, name)}
        for name, found in FOUND.items()
    ]
    show_rows(rows, as_json=as_json, empty="")


@app.command()
def show(name: Name, version: Number, as_json: Json = False) -> None:
    """Show what each gate last found about a version."""
    with closing(Registry(settings.read())) as registry, progress("asking the registry"):
        found = registry.resolve(Reference(name=name, version=version))
        evidence = registry.evidence(name, found.digest)
    last = [evidence[gate] for gate in GATES if gate in evidence]
    if as_json:
        show_json(last)
        return
    if not last:
        out.print(f"no gate was run on {found}: interlock gate run {name} {version}")
        return
    _table([(one.gate, one.verdict, one.sentence, one.moment[:16] + "Z") for one in last], "when")


def _run(
    reference: Reference,
    rules: Policy,
    names: Sequence[str],
    *,
    file: Path,
    files: Mapping[str, Path | None],
    out_dir: Path,
) -> tuple[Outcome, Path]:
    """What the gates say, on record, and the page that tells it."""
    from interlock.gates import judge  # noqa: PLC0415 - loads pandas and the engine

    folder = file.resolve().parent
    with closing(Registry(settings.read())) as registry, progress("gates", len(names)) as advance:
        found = registry.resolve(reference)
        _prepare(out_dir)
        outcome = judge.judge(
            registry, found, rules, names, folder=folder, files=files, notify=_steps(advance)
        )
        return outcome, judge.keep(registry, found, outcome, rules, out_dir)


def _prepare(folder: Path) -> None:
    """Make the report's folder before the gates run: they take a minute."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"no report can be written to {folder}: {error}") from error
    if not os.access(folder, os.W_OK):
        raise ConfigurationError(f"no report can be written to {folder}: it is not writable")


@contextmanager
def _verdicts_alone() -> Iterator[None]:
    """1 and 2 are verdicts: whatever keeps the gates from looking ends with 3."""
    try:
        yield
    except InterlockError as error:
        print(f"interlock: {error}", file=sys.stderr)
        raise typer.Exit(EXIT["error"]) from error


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Being told to end ends servers and takes scratch files away, as Ctrl-C does."""

    def end(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _known(gates: Sequence[str]) -> tuple[str, ...]:
    for gate in gates:
        if gate not in GATES:
            raise ConfigurationError(f"there is no gate {gate!r}; there are {', '.join(GATES)}")
    return tuple(dict.fromkeys(gates))


def _needed(rules: Policy, to: Target, file: Path) -> tuple[str, ...]:
    """The gates that a version needs to become `to`; a run without any would look at nothing."""
    names: tuple[str, ...] = getattr(rules.gates.needs, to)
    if not names:
        raise ConfigurationError(
            f"no gate was named, and {file} needs none for {to} (gates.needs.{to} = []):"
            f" name one with --gate; there are {', '.join(GATES)}"
        )
    return names


def _needed_for(rules: Policy | None, gate: str) -> str:
    needs: Mapping[str, Any] = msgspec.to_builtins(rules.gates.needs) if rules else {}
    return ", ".join(target for target, gates in needs.items() if gate in gates)


def _steps(advance: Any) -> Notify:
    def notify(gate: str, finding: Finding | None) -> None:
        advance(int(finding is not None), note=gate)

    return notify


def _tell(outcome: Outcome, page: Path, *, as_json: bool) -> None:
    if as_json:
        print(page.with_suffix(".json").read_text(encoding="utf-8"), end="")
        return
    _table([(one.gate, one.verdict, one.sentence) for one in outcome.findings])
    subject = outcome.subject
    said = Text(f"{subject.name}:{subject.version} ")
    out.print(said.append(outcome.verdict, COLOURS[outcome.verdict]))
    out.print(Text(f"the report is {page}"))


def _table(rows: Sequence[Sequence[str]], *more: str) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("gate", "verdict", "why", *more):
        table.add_column(column, overflow="fold")
    for gate, verdict, *rest in rows:
        table.add_row(gate, Text(verdict, COLOURS[verdict]), *map(Text, rest))
    show_table(table)
