"""Kill the server's processes under load, and look whether every answer is on record.

    .venv/bin/python benchmarks/crash.py --rounds 200 --json crash.json

Each round kills (SIGKILL) a worker, the shipper or the supervisor at a random moment; what nobody
brings back is started again. In the end every prediction id that a client received must be in SQL,
once, with the inputs that the client sent, and every label that was accepted, too. Ends with 1
otherwise. Needs Linux (it reads /proc).
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from crashes import model, verdict
from crashes.clients import Clients
from crashes.house import ROLES, House
from crashes.verdict import Verdict
from harness.process import BenchmarkError
from rich.console import Console
from rich.progress import track

out, err = Console(highlight=False), Console(stderr=True)

_LULL = 0.5  # seconds; the longest that is waited before a kill
_MORE = 20  # rows that are answered between two kills, at least
_PATIENCE = 30.0  # seconds for that


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Processes to kill.")] = 12,
    seed: Annotated[int, typer.Option(help="Number that roles and moments follow from.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
) -> None:
    """Kill processes under load; ends with 1 when an answer is lost, doubled or mixed up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        try:
            found, killed, clients = run(Path(folder), rounds, seed)
        except BenchmarkError as error:
            err.print(f"crash: {error}", markup=False)
            sys.exit(1)
    told = {
        **msgspec.structs.asdict(found),
        "killed": dict(killed),
        "connections_broken": clients.broken,
        "refused": {str(status): count for status, count in clients.refused.items()},
        "seconds": round(time.monotonic() - began, 1),
        "seed": seed,
    }
    show(told)
    if json:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(told)))
    if not found.good:
        sys.exit(1)


def run(folder: Path, rounds: int, seed: int) -> tuple[Verdict, Counter[str], Clients]:
    """Kill `rounds` processes of a server in `folder`, then look what is on record."""
    chance = random.Random(seed)  # noqa: S311 - no secret hangs on it
    house = House(model.build(folder), folder / "home")
    clients = Clients(house.port)
    killed: Counter[str] = Counter()
    with house.running():
        with clients.asking():
            for _ in track(range(rounds), "crash", console=err, transient=True):
                _wait_for_answers(clients)
                time.sleep(chance.uniform(0, _LULL))
                killed[_kill(house, chance)] += 1
            _wait_for_answers(clients)
        house.shipped()
    return (
        verdict.judge(clients.received, clients.labelled, verdict.recorded(house.settings)),
        (killed),
        clients,
    )


def show(told: dict[str, Any]) -> None:
    """Print the figures."""
    killed = ", ".join(f"{count} {role}" for role, count in sorted(told["killed"].items()))
    out.print(f"killed    {sum(told['killed'].values())}: {killed}; in {told['seconds']:g} s")
    out.print(f"answered  {told['answered']} rows, {told['labelled']} labels accepted")
    out.print(f"lost      {told['lost']} rows, {told['labels_lost']} labels")
    out.print(f"doubled   {told['doubled']} rows, {told['labels_doubled']} labels")
    out.print(f"mixed up  {told['mixed']} rows")
    out.print(f"unseen    {told['unseen']} rows on record whose answers were cut off")


def _kill(house: House, chance: random.Random) -> str:
    role, among = chance.choice(ROLES), chance.randrange(1000)
    stop_at = time.monotonic() + _PATIENCE
    while not house.kill(role, among):
        if time.monotonic() > stop_at:
            raise BenchmarkError(f"there is no {role} to kill")
        time.sleep(0.02)
    return role


def _wait_for_answers(clients: Clients) -> None:
    """A kill means something only where something is answered."""
    wanted = len(clients.received) + _MORE
    stop_at = time.monotonic() + _PATIENCE
    while len(clients.received) < wanted:
        if time.monotonic() > stop_at:
            raise BenchmarkError("nothing has been answered for a while")
        time.sleep(0.01)


if __name__ == "__main__":
    typer.run(main)
