"""The whole policy, and the tables that say what a build makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from interlock.policy.gates import GATES, HOLDOUT, Gates
from interlock.policy.journal import Journal
from interlock.policy.labels import Labels
from interlock.policy.rollout import Rollout
from interlock.policy.table import Table
from interlock.policy.training import Data, Metrics, Splits, Train, Tune
from interlock.policy.values import Name, OutOfRange, Share, Words


class Model(Table, frozen=True, kw_only=True):
    """What the model is, for its card."""

    name: Annotated[Name, Meta(description="Name in the registry and in addresses.")]
    description: Annotated[Words, Meta(description="What the model does.")] = ""
    owner: Annotated[Words, Meta(description="Who answers for it.")] = ""
    license: Annotated[Words, Meta(description="License, best as an SPDX name.")] = ""
    intended_use: Annotated[Words, Meta(description="What it is for.")] = ""
    limitations: Annotated[Words, Meta(description="What it is not for.")] = ""


class Package(Table, frozen=True, kw_only=True):
    """How strictly a package is built."""

    tolerance: Annotated[
        Share,
        Meta(description="Largest difference from the original model's answers."),
    ] = 1e-4
    out_of_range: Annotated[
        OutOfRange,
        Meta(description="A value outside its declared range: reject (an error), clip or flag."),
    ] = "reject"


class Policy(Table, frozen=True, kw_only=True):
    """A whole `interlock.toml`."""

    model: Model
    package: Package = Package()
    data: Data = Data()
    splits: Splits = Splits()
    train: Train = Train()
    tune: Tune = Tune()
    metrics: Metrics = Metrics()
    gates: Gates = Gates()
    rollout: Rollout = Rollout()
    journal: Journal = Journal()
    labels: Labels = Labels()

    @property
    def digest(self) -> str:
        """``sha256:…`` of the policy with all defaults: the same for the same rules, however
        the file is laid out.
        """
        return f"sha256:{hashlib.sha256(msgspec.json.encode(self, order='sorted')).hexdigest()}"

    def build_options(self) -> dict[str, Any]:
        r"""What the policy decides of a build: keywords of `interlock.package.build`.

        >>> Policy(model=Model(name="ecg")).build_options()["name"]
        'ecg'
        """
        options = msgspec.structs.asdict(self.model) | msgspec.structs.asdict(self.package)
        return options | {"subject": self.journal.subject}

    def contradictions(self) -> Iterator[str]:
        if self.splits.by == "time" and not self.data.time:
            yield 'splits.by = "time" needs data.time: the column with the time of a row'
        if self.splits.by == "group" and not self.data.group:
            yield 'splits.by = "group" needs data.group: the column that dependent rows share'
        needed = {*self.gates.needs.staging, *self.gates.needs.champion}
        for part, gates in (("holdout", HOLDOUT), ("staging", {"infra"})):
            if needed & gates and not (getattr(self.splits, part) or getattr(self.data, part)):
                waiting = ", ".join(gate for gate in GATES if gate in needed & gates)
                yield f"splits.{part} = 0 and no data.{part} leave no rows for {waiting}"
