"""What a gate is given: the packages, the policy, the rows, and the book of looks at them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from interlock.errors import ConfigurationError
from interlock.evidence import catalogue, spending
from interlock.evidence.catalogue import Metric
from interlock.evidence.scored import Task
from interlock.package import Package
from interlock.policy import PARTS, Policy
from interlock.registry.holdouts import Account, Hashed
from interlock.signature.schema import Classes

if TYPE_CHECKING:
    from interlock.data.copies import Copies
    from interlock.data.rows import Array, Rows
    from interlock.evidence.scored import Scored


class Look(NamedTuple):
    """One look at a holdout: its digest, which look of this gate it is, and the alpha it has."""

    holdout: str
    number: int
    alpha: float


class Book(Protocol):
    """Where looks are counted; the registry is one."""

    def account(self, model: str, holdout: str, columns: Sequence[str], hashed: Hashed) -> Account:
        """Where looks at a holdout are counted: `hashed` gives a number a row, by columns."""

    def spend(self, holdout: str, gate: str, key: str, alpha: float) -> int:
        """Number of this look; the same key again has the same number."""


@dataclass(frozen=True)
class Case:
    """One version before the gates, and what it is judged by.

    Parameters
    ----------
    policy, folder
        The policy, and the directory it lies in: `[data]` is relative to that.
    challenger, champion
        The packages; no champion when nothing is live yet, or when it is `lost`.
    scratch
        An empty directory that gates may write to.
    book
        Counts the looks at each holdout.
    holdout_file, staging_file
        Files with rows that replace those parts of the policy's split.
    lost
        Why the champion that there is cannot be had; "" when nothing is the matter.
    """

    policy: Policy
    folder: Path
    challenger: Package
    champion: Package | None
    scratch: Path
    book: Book
    holdout_file: Path | None = None
    staging_file: Path | None = None
    lost: str = ""
    _scores: dict[tuple[str, Rows], Scored] = field(default_factory=dict, repr=False)
    _origins: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    def holdout(self) -> Rows:
        """Rows to judge by, in an order of their own. Call `spend` first: who looks has to pay.

        Raises
        ------
        ConfigurationError
            When neither the policy nor the command line says where rows are.
        LeakageError
            When they share rows or groups with another part of the split, or with what trained or
            chose the challenger or the champion.
        EvidenceError
            When they lack a column that such rows are recognised by.
        """
        return self._part("holdout")

    def staging(self) -> Rows:
        """Rows to replay in staging; raises as `holdout` does."""
        return self._part("staging")

    def origin(self, part: str) -> dict[str, Any]:
        """Where the rows of `part` come from, how many they are, and who has seen any of them.

        It goes into the evidence. Raises as `holdout` does.
        """
        if part not in self._origins:
            from interlock.data import seen  # noqa: PLC0415 - loads pandas

            rows = self._rows(part)
            judged = {"challenger": self.challenger, "champion": self.champion}
            self._origins[part] = {
                "source": self._source(part),
                "count": len(rows),
                **{
                    f"seen by {who}": seen.refuse(rows, package, part)
                    for who, package in judged.items()
                    if package is not None
                },
            }
        return self._origins[part]

    def training(self) -> Rows | None:
        """Rows that the policy trains on, or None when it names no source of them."""
        return self._parts["train"] if self.policy.data.source else None

    def before(self) -> tuple[Rows, ...]:
        """Every part that is not the holdout or staging, for forecasts that look back."""
        return tuple(self._parts[name] for name in PARTS[:-2] if name in self._parts)

    def score(self, package: Package, rows: Rows) -> Scored:
        """Answers of a package to `rows`, beside the truth. Worked out once."""
        key = package.digest, rows  # by identity: the digest knows no order, answers have one
        if key not in self._scores:
            from interlock.data import score  # noqa: PLC0415 - loads pandas

            self._scores[key] = score.scored(package, rows, scale=self.scale)
        return self._scores[key]

    @cached_property
    def copies(self) -> Copies:
        """Which rows of the holdout are the same: same input of the challenger, same truth."""
        from interlock.data import copies  # noqa: PLC0415 - loads pandas

        names = {field.name for field in self.challenger.signature.inputs}
        return copies.find(self.holdout(), names)

    @cached_property
    def units(self) -> Array | None:
        """What of the holdout is drawn together, one value a row; None where each is its own."""
        from interlock.data import copies  # noqa: PLC0415 - loads pandas

        return copies.units(self.copies, self.holdout().group)

    @cached_property
    def scale(self) -> float | None:
        """What MASE divides by: the naive forecast's error on the training rows."""
        from interlock.data import score  # noqa: PLC0415 - loads pandas

        train = self.training()
        return score.naive_error(train) if train is not None else None

    @property
    def task(self) -> Task:
        """What kind of question the challenger answers."""
        output = self.challenger.signature.output
        return catalogue.of_task(output, event=bool(self.policy.data.event))

    def metric(self, name: str = "") -> Metric:
        """The metric called `name`, for the challenger's labels; the primary one for "".

        Raises
        ------
        EvidenceError
            When there is none of that name for these labels.
        """
        output = self.challenger.signature.output
        hazard = bool(self.policy.data.event)
        chosen = name or self.policy.metrics.primary
        labels = output.labels if isinstance(output, Classes) else None
        return catalogue.metric(chosen or catalogue.default_metric(output, event=hazard), labels)

    def spend(self, gate: str, settings: Any, alpha: float, *, against: bool = False) -> Look:
        """Pay for a look at the holdout, before anything of it is seen.

        The test is recognised by the challenger, the gate's `settings` and, when it is `against`
        the champion, by that too: the same test again is the same look and gets the same figures.
        """
        digest, account = self.holdout().digest, self._account.digest
        champion = self.champion.digest if against and self.champion else None
        # All gates resample as often as this one says: another number is another test.
        resamples = self.policy.gates.champion.resamples
        # Several holdouts may be counted as one: the same test on other rows is another.
        key = _key(self.challenger.digest, champion, settings, resamples, digest)
        number = self.book.spend(account, gate, key, alpha)
        return Look(digest, number, spending.allowance(alpha, number))

    @cached_property
    def _account(self) -> Account:
        """Where looks at the holdout are counted, as told in the evidence when elsewhere."""
        from interlock.data import seen  # noqa: PLC0415 - loads pandas

        rows = self.holdout()
        names = {field.name for field in self.challenger.signature.inputs}
        columns = [name for name in map(str, rows.features) if name in names]
        hashed = partial(seen.hashed, rows)
        columns = columns or list(map(str, rows.features))
        found = self.book.account(self.challenger.name, rows.digest, columns, hashed)
        if found.digest != rows.digest:
            self._origins["holdout"]["counted with"] = (
                f"{found.digest[:19]}: {found.shared:.1%} of the different rows, here or there,"
                " were looked at before"
            )
        return found

    def _part(self, name: str) -> Rows:
        self.origin(name)
        return self._rows(name)

    def _rows(self, name: str) -> Rows:
        if name not in self._parts:
            raise ConfigurationError(
                f"there are no {name} rows: set [data] source and splits.{name} in the policy,"
                f" or name a file with --{name}"
            )
        return self._parts[name]

    @cached_property
    def _parts(self) -> dict[str, Rows]:
        """Every part; a file named on the command line takes the place of the policy's."""
        from interlock.data import leakage, parts, source  # noqa: PLC0415 - loads pandas

        found = parts.read(self.policy, self.folder) if self.policy.data.source else {}
        files = {name: file for name, file in self._files().items() if file is not None}
        for name, file in files.items():
            found[name] = source.read_file(file, self.policy)
        if files:
            leakage.check(found)
        if "holdout" in found:
            # The same look has the same figures, however somebody sorts the file.
            found["holdout"] = found["holdout"].ordered()
        return found

    def _source(self, part: str) -> str:
        named, stated = getattr(self, f"{part}_file"), getattr(self.policy.data, part)
        if named is not None:
            return f"a file named on the command line, {named.name}"
        return f"the policy's file, {stated}" if stated else "the policy's own split"

    def _files(self) -> dict[str, Path | None]:
        data = self.policy.data
        stated = {"holdout": data.holdout, "staging": data.staging}
        named = {"holdout": self.holdout_file, "staging": self.staging_file}
        for name, file in stated.items():
            # With a source, the policy's own files are read together with it.
            if named[name] is None and file and not data.source:
                named[name] = self.folder / file
        return named


def _key(*facts: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()
