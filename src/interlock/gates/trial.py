"""Challenger and champion under the same disturbances, and what they answer then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
import numpy as np

from interlock.data import score
from interlock.data.rows import Rows
from interlock.errors import EngineError
from interlock.evidence import catalogue
from interlock.evidence.catalogue import Metric
from interlock.evidence.compare import Comparison
from interlock.evidence.scored import Scored, Task
from interlock.evidence.verdict import Verdict, worst
from interlock.gates import baseline, disturbances, scaling
from interlock.gates.case import Case
from interlock.gates.contest import Contest
from interlock.gates.disturbances import Disturbance, Feed
from interlock.package import Package
from interlock.package.profile import Profile
from interlock.package.reader import PROFILE

UNDISTURBED = "undisturbed"
TOO_GOOD: dict[Task, float] = {
    "classification": 1 / 4,
    "regression": 1 / 8,
    "forecast": 1 / 8,
    "hazard": 1 / 8,
}
"""Share of its loss that no sound model sheds when its inputs come in a smaller unit.

A network that is too sure of its classes sheds some when all inputs lie nearer to their mean; on
real heartbeats that was a fifth. One whose scaler is wrong by a factor of ten sheds two thirds.
Of numbers, ten kinds of sound models on five real data sets shed 6% at most. With a scaler wrong by
ten, those that had spared a quarter of the trivial answer's error shed a fifth.
"""


class Tried(NamedTuple):
    """One disturbance: what it costs, how the champion compares, or why there is no answer."""

    name: str
    words: str
    cost: Comparison | None = None
    beside: Comparison | None = None
    fault: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.fault:
            return "failed"
        return worst(one.verdict for one in (self.cost, self.beside) if one is not None)


@dataclass(frozen=True)
class Trial:
    """Challenger and champion under the same disturbances."""

    case: Case
    metric: Metric
    contest: Contest

    @property
    def challenger(self) -> Scored:
        return self.case.score(self.case.challenger, self.contest.rows)

    @property
    def champion(self) -> Scored | None:
        champion = self.case.champion
        return self.case.score(champion, self.contest.rows) if champion else None

    def fault(self) -> str:
        """What is wrong with the answers to undisturbed rows, if anything."""
        return _fault(
            score.answers(self.case.challenger, self.contest.rows), len(self.contest.rows)
        )

    def all(self) -> Iterator[Tried]:
        """The comparison without disturbance, then every disturbance."""
        found = disturbances.of(self.case.challenger.signature, self.case.policy.gates.robustness)
        among = len(found) * (2 if self.champion is not None else 1) + 1
        if self.champion is not None:
            words = "the holdout as it is"
            beside = self._beside(self.challenger, self.champion, among)
            yield Tried(UNDISTURBED, words, beside=beside)
        for disturbance in found:
            yield self._tried(disturbance, among)

    def scalers(self) -> Iterator[str]:
        """Sentences about scalers that were not fitted to the training rows; see `scaling`."""
        rows = self.case.training()
        if rows is not None:
            yield from scaling.faults(self.case.challenger, rows)

    def smaller(self) -> Iterator[str]:
        """Sentences about smaller inputs with which the challenger is surely better.

        Judged by a loss that also sees how sure the answers are: inputs ten times too large leave
        many a label as it was, and make every probability extreme. No correction for the number
        of units tried: a sound model is far from shedding the share that is asked for in any.
        """
        for what in self._better(wider=False):
            yield f"It answers better with {what}. No sound model gains as much by that."

    def larger(self) -> Iterator[str]:
        """Sentences about larger inputs with which the challenger is surely better.

        No fault by itself: a model that was held back strongly minds its inputs little.
        """
        for what in self._better(wider=True):
            yield f"It would answer better with {what}: it minds its inputs little."

    def _better(self, *, wider: bool) -> Iterator[str]:
        metric, share = self._loss(), TOO_GOOD[self.case.task]
        own = metric.of(self.challenger)
        for probe in disturbances.rescaled(wider=wider):
            found, _fault = self._scored(self.case.challenger, probe, within=False)
            if found is None or metric.of(found) > (1 - share) * own:
                continue
            better = self.contest.compare(metric, self.challenger, found, margin=share * own)
            if better.verdict == "failed":
                falls = f"its {metric.name} falls from {own:.4g} to {metric.of(found):.4g}"
                yield f"{probe.words} ({falls})"

    def recorded(self) -> Iterator[str]:
        """A sentence, when the holdout shows surely less than the training's test recorded."""
        recorded = self.case.challenger.manifest.metrics.get("test", {}).get(self.metric.name)
        if recorded is None:
            return
        allowance = self._allowed(self.case.policy.gates.robustness.loss)
        sign = -1 if self.metric.better == "higher" else 1
        found = self.contest.bound(
            self.metric, self.challenger, limit=recorded + sign * allowance, among=2
        )
        if found.verdict == "failed":
            yield (
                f"Its training recorded {self.metric.name} {recorded:.4f} on the test rows,"
                f" and the graph shows {found.figure:.4f} on the holdout: more is lost than"
                f" {allowance:.4g}. It does not answer as the model did that was trained."
            )

    def _loss(self) -> Metric:
        if self.case.task == "classification":
            return self.case.metric("log_loss")
        hazard = self.case.task == "hazard"
        output = self.case.challenger.signature.output
        return self.case.metric(catalogue.default_metric(output, event=hazard))

    def _allowed(self, amount: float) -> float:
        """`amount` in the metric's unit; see `_whole`."""
        return amount * self._whole

    @cached_property
    def _whole(self) -> float:
        """What `loss` and `worse` are a share of.

        Of an error it is the trivial answer's: about as much as there is to lose. A share of the
        model's own error would forgive a poor model more than a good one.
        """
        if self.metric.better == "higher":
            return 1.0
        return self.metric.of(baseline.scored(self.case, self.challenger).scored)

    def _tried(self, disturbance: Disturbance, among: int) -> Tried:
        name, words = disturbance.name, disturbance.words
        disturbed, fault = self._scored(self.case.challenger, disturbance)
        if disturbed is None:
            return Tried(name, words, fault=fault)
        margin = self._allowed(self.case.policy.gates.robustness.loss)
        cost = self.contest.compare(
            self.metric, disturbed, self.challenger, margin=margin, among=among
        )
        if self.case.champion is None:
            return Tried(name, words, cost)
        champion, _ = self._scored(self.case.champion, disturbance)
        beside = self._beside(disturbed, champion, among) if champion is not None else None
        return Tried(name, words, cost, beside)

    def _beside(self, challenger: Scored, champion: Scored, among: int) -> Comparison:
        margin = self._allowed(self.case.policy.gates.robustness.worse)
        found = self.contest.compare(self.metric, challenger, champion, margin=margin, among=among)
        if self.case.champion and self.case.champion.digest == self.case.challenger.digest:
            # It answers as itself, however few rows there are to show it.
            return msgspec.structs.replace(found, verdict="passed", sentence="it is the champion")
        return found

    def _scored(
        self, package: Package, disturbance: Disturbance, *, within: bool = True
    ) -> tuple[Scored | None, str]:
        """Answers to disturbed rows; None and a sentence when they are no answers."""
        rows = self.contest.rows
        feed = disturbances.disturb(
            rows.feed(package.signature),
            disturbance,
            package.signature,
            self._profile(package),
            seed=self.case.policy.gates.robustness.seed,
            within=within,
        )
        try:
            answers = score.answers(package, _replaced(rows, feed))
        except EngineError as error:
            return None, str(error)
        if fault := _fault(answers, len(rows)):
            return None, fault
        return score.pair(package.signature.output, answers, rows, scale=self.case.scale), ""

    def _profile(self, package: Package) -> Profile:
        """The challenger's profile: both are disturbed by the same amounts.

        Only a champion whose inputs are others is disturbed by its own.
        """
        challenger = self.case.challenger
        same = {field.name for field in package.signature.inputs} == {
            field.name for field in challenger.signature.inputs
        }
        source = challenger if same else package
        return Profile.from_json((source.path / PROFILE).read_bytes())


def _replaced(rows: Rows, feed: Feed) -> Rows:
    return Rows(features=feed, truth=rows.truth, index=rows.index)


def _fault(answers: dict[str, Any], rows: int) -> str:
    for name, values in answers.items():
        if len(values) != rows:
            return f"{len(values)} answers ({name}) to {rows} rows"
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).reshape(rows, -1).any(axis=1).sum())
            return f"the {name} of {bad} rows are not finite"
    return ""
