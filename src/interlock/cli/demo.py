"""`interlock demo`: the whole way of a model, on real heartbeats, by a user's own commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock import settings
from interlock.cli.output import out
from interlock.demo import place as places
from interlock.demo.place import Place
from interlock.demo.processes import Processes
from interlock.demo.story import Story
from interlock.demo.words import Words
from interlock.package import Package
from interlock.serve import listener

app = typer.Typer(add_completion=False)

_GRACE = 5.0  # seconds beyond the server's own drain after which a process is killed


@app.command()
def demo(
    project: Annotated[Path, typer.Option(help="The example project.")] = Path("examples/ecg"),
    port: Annotated[int | None, typer.Option(help="Port to serve on.")] = None,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server up; Ctrl-C ends.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Stop before the rollouts.")] = False,
) -> None:
    """Train on real heartbeats, package, judge by gates, serve; then withdraw a faulty version by
    evidence, and bring a better one to all of the traffic.

    Everything it makes is under INTERLOCK_HOME/demo, which each run begins by emptying.
    """
    places.check(project)
    current = settings.read(port=port)
    # Before anything is emptied: another demonstration may be serving from there.
    listener.bind(current).close()
    place, words = places.prepare(project, current), Words(out)
    with Processes(place.environment, current.drain + _GRACE, words) as processes:
        story = Story(processes, place, words, current.port)
        champion = story.first()
        url = story.serve(champion.name)
        story.ask(url)
        if not quick:
            faulty, better = story.faulty(), story.better()
            ward = story.open(url, champion)
            story.force(ward, faulty)
            story.roll_out(ward, better)
            story.close(ward)
        if keep:
            _kept(place, words, url)
            story.wait()
    if not keep:
        _next(place, words, url, champion, rolled=not quick)


def _kept(place: Place, words: Words, url: str) -> None:
    """What can be tried while the server is up."""
    words.head("Try next")
    for line in (_curl(place, url), f"open {url}/docs", "Ctrl-C ends the server"):
        words.plain(f"   {line}")


def _next(place: Place, words: Words, url: str, first: Package, *, rolled: bool) -> None:
    """What can be tried when it is over; `rolled` when there were rollouts."""
    explain = f"interlock rollout explain {first.name} --replay   # every decision, made anew"
    report = place.home / "gates" / first.version / "report.html"
    words.head("Try next")
    for line in (
        "interlock demo --keep            # the same, and the server stays up; then:",
        _curl(place, url),
        f"export INTERLOCK_HOME={place.home}   # the registry of this demonstration",
        f"interlock model history {first.name}      # which version was live when, and why",
        *([explain] if rolled else []),
        f"less {first.path / 'card.md'}   # what a package says of itself",
        f"open {report}   # what the gates found",
        "interlock init my-model          # a project of your own",
    ):
        words.plain(f"   {line}")


def _curl(place: Place, url: str) -> str:
    beat = place.project / "beat.json"
    return f"curl -H 'Content-Type: application/json' -d @{beat} {url}/predict"
