"""The cast: three versions of one model, and how each is trained and judged."""

from __future__ import annotations

from typing import NamedTuple

from interlock import package
from interlock.demo.place import Place
from interlock.demo.processes import Processes
from interlock.package import Package


class Role(NamedTuple):
    """Who is trained with which parameters of the project's `fit`; `name` is that of a folder."""

    name: str
    parameters: dict[str, object]


CHAMPION = Role("champion", {})
FAULTY = Role("faulty", {"swapped": 0.3})
"""Learns from labels that had two classes the other way round, in three of ten beats."""
BETTER = Role(
    "better",
    {
        "epochs": 80,
        "layers": "128-64",
        "decay": 1.0,
        "noise": 0.3,
        "shift": 2,
        "trees": 20,
        "weight": 0.7,
    },
)

COMPARING = ("champion", "floor")
"""Gates that ask how good a version is, and take few seconds."""


class Cast:
    """Trains, judges and promotes at `place` by the commands that a user has."""

    def __init__(self, processes: Processes, place: Place) -> None:
        self._processes = processes
        self._place = place
        self._rules = ["--policy", str(place.policy)]

    def train(self, role: Role) -> Package:
        """Train who plays `role`, package and register; its version follows from what changed."""
        out = self._place.package(role.name)
        chosen = [f"--set={name}={value}" for name, value in role.parameters.items()]
        command = ["interlock", "train", *self._rules, "--out", str(out), "--register"]
        self._processes.run([*command, *chosen])
        return package.read(out)

    def judge(self, version: Package, *gates: str) -> bool:
        """Put it before `gates`, or all that a champion needs; whether they let it pass."""
        named = [word for gate in gates for word in ("--gate", gate)]
        command = ["interlock", "gate", "run", version.name, version.version, *self._rules, *named]
        report = ["--out", str(self._place.home / "gates" / version.version)]
        # Failed and inconclusive are verdicts, too.
        return self._processes.run([*command, *report], codes=(0, 1, 2)) == 0

    def promote(self, version: Package, reason: str) -> None:
        """Make it the champion, which takes the evidence of the gates."""
        named = ["interlock", "model", "promote", version.name, version.version]
        self._processes.run([*named, "--to", "champion", "--reason", reason])
