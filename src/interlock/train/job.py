"""One project and what can be done with it: read its rows, fit its model, judge it."""

from __future__ import annotations

import copy
import inspect
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from interlock import policy as policies
from interlock.data import parts as data_parts
from interlock.data import project, score
from interlock.data.rows import Rows
from interlock.errors import ConfigurationError
from interlock.evidence.catalogue import Metric, default_metric, metric
from interlock.evidence.scored import Scored
from interlock.package import convert
from interlock.policy import Policy
from interlock.signature.infer import infer_inputs
from interlock.signature.schema import Signature

Report: TypeAlias = Callable[[int, float], None]
Parameters: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Data:
    """What the project's functions are handed: rows to fit, and rows to stop and tune by.

    The rows that judge a model are not among them.
    """

    train: Rows
    validation: Rows


@dataclass(frozen=True)
class Job:
    """A policy and the file that it is in; the project's code lies beside it."""

    policy: Policy
    file: Path

    @classmethod
    def read(cls, file: Path) -> Job:
        """The job of the policy `file`; raises ConfigurationError as `interlock.policy.read`."""
        return cls(policies.read(file), file.resolve())

    @property
    def name(self) -> str:
        return self.policy.model.name

    @property
    def folder(self) -> Path:
        return self.file.parent

    @cached_property
    def parts(self) -> dict[str, Rows]:
        """Every part of the data; raises what `interlock.data.parts.read` raises."""
        return data_parts.read(self.policy, self.folder)

    @cached_property
    def data(self) -> Data:
        """The parts that training may see."""
        self.refuse_without("validation", "stop by, and to prove the package on")
        return Data(train=self.parts["train"], validation=self.parts["validation"])

    def refuse_without(self, part: str, use: str) -> None:
        """Raise ConfigurationError where no row is in `part`: some are needed to `use`."""
        if part not in self.parts:
            raise ConfigurationError(f"splits.{part} = 0: training needs some rows to {use}")

    def bound(self, parameters: Parameters) -> dict[str, Any]:
        """`parameters` with the defaults of the project's `fit` for all others.

        Raises
        ------
        ConfigurationError
            When `fit` has no such parameter; names those it has.
        """
        signature = inspect.signature(self._fit)
        try:
            found = signature.bind(self.data, **self._with_report(parameters, None))
        except TypeError as error:
            takes = ", ".join(name for name in list(signature.parameters)[1:] if name != "report")
            raise ConfigurationError(
                f"{self.policy.train.fit}: {error}; besides the data it takes {takes or 'nothing'}"
            ) from None
        found.apply_defaults()
        named = dict(list(found.arguments.items())[1:])
        named.pop("report", None)
        for one in signature.parameters.values():
            if one.kind is one.VAR_KEYWORD:
                named |= named.pop(one.name, {})
        return named

    def fit(self, parameters: Parameters, report: Report | None = None) -> Any:
        """The model that the project's function makes of train and validation, and no other rows.

        Python's and numpy's own random numbers start at the same place for every fit.
        """
        self.bound(parameters)
        seed = self.policy.tune.seed
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - what libraries draw from when not told otherwise
        # A copy: what a function does to its rows must not reach the next fit.
        data = copy.deepcopy(self.data)
        return convert.load(self._fit(data, **self._with_report(parameters, report)))

    def _with_report(self, parameters: Parameters, report: Report | None) -> dict[str, Any]:
        """`parameters`, and `report` where the project's function takes one."""
        if "report" not in inspect.signature(self._fit).parameters:
            return dict(parameters)
        return {"report": report or _unheard, **parameters}

    def space(self, trial: Any) -> dict[str, Any]:
        """The parameters that the project suggests for `trial`."""
        key = self.policy.tune.space
        found = project.function(key, self.folder, "tune.space")(trial)
        if not isinstance(found, dict):
            raise ConfigurationError(
                f"{key} gave a {type(found).__name__}: expected a dict of parameters of"
                f" {self.policy.train.fit}"
            )
        return found

    def signature(self, model: Any) -> Signature:
        """What ``[train] signature`` gives; without it, inferred from the rows and the model."""
        key = self.policy.train.signature
        if not key:
            inputs = infer_inputs(self.data.train.features)
            return Signature(inputs=inputs, output=convert.infer_output(model))
        found = project.function(key, self.folder, "train.signature")(copy.deepcopy(self.data))
        if not isinstance(found, Signature):
            raise ConfigurationError(f"{key} gave a {type(found).__name__}, not a Signature")
        return found

    def score(self, model: Any, signature: Signature, part: str) -> Scored:
        """The model's own answers to one part, beside the truth."""
        rows = self.parts[part]
        answers = convert.reference(model, signature, rows.features)
        return score.pair(signature.output, answers, rows, scale=self.scale)

    def primary(self, signature: Signature) -> Metric:
        """The metric that decides about a model with this signature."""
        event = bool(self.policy.data.event)
        name = self.policy.metrics.primary or default_metric(signature.output, event=event)
        return metric(name, getattr(signature.output, "labels", None))

    @cached_property
    def metric(self) -> Metric:
        """The metric that decides, before there is a model.

        Raises
        ------
        ConfigurationError
            When the policy names none and the truth is whole numbers, which can be labels as well
            as numbers.
        """
        if self.policy.metrics.primary:
            return metric(self.policy.metrics.primary)
        if self.policy.train.signature:
            return self.primary(self.signature(None))
        truth = self.data.train.truth
        if truth.dtype.kind in "iub" and truth.ndim == 1 and not self.policy.data.event:
            raise ConfigurationError(
                "metrics.primary is empty, and whole numbers can be labels or amounts: name the"
                " metric to tune by, such as f1_macro or mae"
            )
        if self.policy.data.event:
            return metric("hazard_brier")
        return metric("mae" if truth.dtype.kind == "f" else "f1_macro")

    @cached_property
    def scale(self) -> float | None:
        """What MASE divides by."""
        return score.naive_error(self.data.train)

    @cached_property
    def _fit(self) -> Callable[..., Any]:
        return project.function(self.policy.train.fit, self.folder, "train.fit")


def _unheard(step: int, value: float) -> None:
    """A report that nobody prunes by."""
