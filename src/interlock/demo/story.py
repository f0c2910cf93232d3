"""The story, scene by scene. How it ends is up to the evidence."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from interlock.demo import ledger, show
from interlock.demo.cast import BETTER, CHAMPION, COMPARING, FAULTY, Cast
from interlock.demo.follow import follow
from interlock.demo.place import Place
from interlock.demo.processes import Process, Processes
from interlock.demo.tally import Tally
from interlock.demo.words import Words
from interlock.errors import InterlockError
from interlock.package import Package
from interlock.rollout.report import Report
from interlock.state import schema

_START = 60.0  # seconds that the server may take to be ready
_RATE = "300"  # heartbeats a second
_LATE = "1.0"  # seconds after which a cardiologist has looked at one, on average


class Ward(NamedTuple):
    """Those who ask about `model` and say what was true, and the tally of it."""

    model: str
    tally: Tally
    traffic: Process
    doctor: Process


class Story:
    """Tells itself at `place` in `words`; the server listens on `port`."""

    def __init__(self, processes: Processes, place: Place, words: Words, port: int) -> None:
        self._processes = processes
        self._place = place
        self._words = words
        self._port = port
        self._cast = Cast(processes, place)

    def first(self) -> Package:
        """A first model goes live."""
        self._words.scene("Train on 2,000 heartbeats, judge on others, build a package")
        champion = self._cast.train(CHAMPION)
        self._words.scene("Put it before the gates that take seconds, and make it the champion")
        self._cast.judge(champion)
        self._cast.promote(champion, "the first model")
        return champion

    def serve(self, name: str) -> str:
        """Serve the champion of `name`; the server's URL when it is ready."""
        self._words.scene("Serve the champion; a controller looks after rollouts")
        log = self._place.log("up")
        command = ["interlock", "up", name, "--port", str(self._port)]
        process = self._processes.beside("the server", command, log)
        # Written by this process and no other, when its workers are ready. Asking the port would
        # not do: another server may have taken it meanwhile.
        url = self._read(self._place.home / "run" / str(process.pid) / "address")
        self._words.plain(f"   {name} is served at {url}/predict; what the server says is in {log}")
        return url

    def ask(self, url: str) -> None:
        """Ask about what training never saw."""
        self._words.scene("Ask about 1,000 heartbeats that training never saw")
        script = self._place.project / "holdout.py"
        self._processes.run(["python", str(script), f"{url}/predict"])

    def open(self, url: str, champion: Package) -> Ward:
        """A ward begins to ask all the time, and a cardiologist says later what was true."""
        self._words.scene("A ward sends heartbeats all the time; a cardiologist names them later")
        policy, asked = str(self._place.policy), str(self._place.asked)
        ward = ["python", "-m", "interlock.demo.traffic", policy, str(champion.path), url, asked]
        doctor = ["python", "-m", "interlock.demo.doctor", policy, url, asked, _LATE]
        started = self._processes.beside("the ward", [*ward, _RATE], self._place.log("traffic"))
        late = self._processes.beside("the cardiologist", doctor, self._place.log("doctor"))
        self._words.plain(
            "   They are drawn from holdout and staging, which no training saw, again and again:"
            " what follows is shown about these beats."
        )
        return Ward(champion.name, Tally(self._place.asked), started, late)

    def faulty(self) -> Package:
        """A version with a subtle fault, which gates would stop."""
        self._words.scene("A new version: its labels had two classes mixed up in 3 beats of 10")
        version = self._cast.train(FAULTY)
        self._cast.judge(version, *COMPARING)
        return version

    def better(self) -> Package:
        """A version that gates let pass."""
        self._words.scene("Another new version: a network and trees, from the right labels")
        version = self._cast.train(BETTER)
        self._cast.judge(version)
        return version

    def force(self, ward: Ward, version: Package) -> Report:
        """Somebody skips the gates and the shadow, and the canary finds out."""
        self._words.scene(f"Somebody lets {version.version} go all the same: that stays on record")
        reason = ["--force", "--reason", "to see what a canary does with it"]
        return self._roll_out(ward, version, ["--policy", str(self._place.hasty), *reason])

    def roll_out(self, ward: Ward, version: Package) -> Report:
        """The whole way, by the evidence of the gates and then of the traffic."""
        self._words.scene(f"{version.version} answers in the shadow, then more and more users")
        rules = ["--policy", str(self._place.policy), "--reason", "a network and trees"]
        return self._roll_out(ward, version, rules)

    def close(self, ward: Ward) -> None:
        """The ward stops asking, and the books are compared."""
        self._words.scene("What the callers were told, and what is on record")
        self._processes.end(ward.traffic)
        with schema.opened(self._place.settings) as engine:
            books = ledger.read(engine, ward.tally)
        for line in books.lines(ward.tally):
            self._words.plain(f"   {line}")
        if books.missing or ward.tally.failures:
            raise InterlockError("a request failed, or an answer is not on record: see above")
        self._processes.end(ward.doctor)
        self._processes.run(["interlock", "rollout", "history", ward.model])

    def wait(self) -> None:
        """Stay until a signal comes."""
        with suppress(SystemExit):
            signal.pause()

    def _roll_out(self, ward: Ward, version: Package, options: list[str]) -> Report:
        start = ["interlock", "rollout", "start", version.name, version.version, *options]
        self._processes.run(start)
        with (
            schema.opened(self._place.settings) as engine,
            show.screen(self._words.console) as screen,
        ):
            told = follow(engine, version.name, screen, ward.tally, self._processes.check)
        for line in show.verdict(told):
            self._words.head(f"   {line}")
        return told

    def _read(self, file: Path) -> str:
        """What the server writes into `file`, as soon as it has."""
        started = time.monotonic()
        while not (file.is_file() and file.read_text()):
            self._processes.check()
            if time.monotonic() - started > _START:
                raise InterlockError(f"the server was not ready after {_START:g} s")
            time.sleep(0.05)
        return file.read_text()
