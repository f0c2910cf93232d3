"""`robustness` of models that answer numbers, on real data and by the default policy."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.base import RegressorMixin
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sksurv.datasets import load_flchain

from interlock import policy as policies
from interlock.data import parts, seen
from interlock.data.rows import Rows
from interlock.gates import champion, floor, robustness, scaling
from interlock.gates.case import Case
from interlock.gates.finding import Finding, Intervals
from interlock.package import Package
from interlock.package.builder import build
from interlock.registry import Registry
from interlock.signature.schema import Number, Signature, Vector

LINEAR, TREES = Ridge(), GradientBoostingRegressor(random_state=0)
YEARS = 10
SPLITS = "[splits]\ntrain = 0.5\nvalidation = 0.1\ntest = 0.05\nholdout = 0.3\nstaging = 0.05\n"


class Bench:
    """Real rows in a folder, and the gate on models of them."""

    def __init__(
        self, folder: Path, registry: Registry, rows: pd.DataFrame, more: str = ""
    ) -> None:
        rows.to_parquet(folder / "rows.parquet")
        self.text = f'[model]\nname = "m"\n[data]\nsource = "rows.parquet"\n{more}{SPLITS}'
        self.policy = policies.parse(self.text)
        self._folder, self._registry = folder, registry
        read = parts.read(self.policy, folder)
        self.train, self.holdout = read["train"], read["holdout"]

    def judge(self, model: Any, signature: Signature | None = None) -> Finding:
        """What the gate finds about `model`, with nothing live yet."""
        return robustness.check(self.case(self.build(model, signature=signature)))

    def build(
        self, model: Any, version: str = "1.0.0", signature: Signature | None = None
    ) -> Package:
        """The package of a model."""
        return build(
            model,
            name="m",
            version=version,
            sample=self.train.features,
            signature=signature,
            seen=seen.record({"train": self.train}),
            out=self._folder / f"package-{version}",
        )

    def case(self, challenger: Package, champion: Package | None = None, more: str = "") -> Case:
        """A case on the holdout, with more policy."""
        return Case(
            policy=policies.parse(self.text + more),
            folder=self._folder,
            challenger=challenger,
            champion=champion,
            scratch=self._folder,
            book=self._registry,
        )


def diabetes() -> pd.DataFrame:
    """442 patients; how far the disease is a year later. Half of the variance can be told."""
    data = load_diabetes(as_frame=True, scaled=False)
    return data.data.assign(label=data.target)


def gaps() -> pd.DataFrame:
    """The same, with one measurement in twelve missing."""
    rows = diabetes()
    gone = np.random.default_rng(0).random((len(rows), 4)) < 1 / 12
    rows.loc[:, ["bmi", "bp", "s5", "s6"]] = rows[["bmi", "bp", "s5", "s6"]].mask(gone)
    return rows


def radii() -> pd.DataFrame:
    """569 tumours; the radius of the worst nuclei, which the others tell within 3%."""
    data = load_breast_cancer(as_frame=True).data
    names = {name: name.replace(" ", "_") for name in data if not name.startswith("worst")}
    return data[list(names)].rename(columns=names).assign(label=data["worst radius"])


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path, registry: Registry) -> Bench:
    """A bench on the rows that the test names."""
    return Bench(tmp_path, registry, request.param())


def fitted(bench: Bench, last: RegressorMixin, *, first: Any = None) -> Pipeline:
    """A sound pipeline."""
    steps = [StandardScaler(), copy.deepcopy(last)]
    model = make_pipeline(*([first] if first else []), *steps)
    return model.fit(bench.train.features, bench.train.truth)


@pytest.mark.parametrize("bench", [diabetes, radii], indirect=True)
@pytest.mark.parametrize("last", [LINEAR, TREES], ids=["linear", "trees"])
def test_a_sound_regression_passes(bench: Bench, last: RegressorMixin) -> None:
    """Whether it tells much or nearly all: what harm there is, is small beside what it could be."""
    finding = bench.judge(fitted(bench, last))
    assert finding.verdict == "passed", finding.sentence
    assert [row["disturbance"] for row in finding.figures["disturbances"]] == ["noise"]


@pytest.mark.parametrize("bench", [radii], indirect=True)
def test_what_may_be_lost_is_a_share_of_what_there_is_to_lose(bench: Bench) -> None:
    """A tenth of the error that always answering the median makes, however good the model is."""
    plot = bench.judge(fitted(bench, LINEAR)).plots[0]
    assert isinstance(plot, Intervals)
    trivial = np.abs(bench.holdout.truth - np.median(bench.train.truth)).mean()
    assert plot.lines["margin"] == pytest.approx(-0.1 * trivial)


@pytest.mark.parametrize("bench", [gaps], indirect=True)
def test_a_sound_imputer_passes(bench: Bench) -> None:
    """A tenth of the values that may be missing can be told from the others well enough."""
    finding = bench.judge(fitted(bench, LINEAR, first=SimpleImputer()))
    assert finding.verdict == "passed", finding.sentence
    assert "missing" in {row["disturbance"] for row in finding.figures["disturbances"]}


@pytest.mark.parametrize("bench", [gaps], indirect=True)
def test_a_wrong_imputer_fails(bench: Bench) -> None:
    """It fills in the mark that some other table has for what is missing."""
    model = fitted(bench, LINEAR, first=SimpleImputer())
    model[0].statistics_[:] = 999.0
    finding = bench.judge(model)
    assert finding.verdict == "failed"
    assert finding.figures["suspicions"] == "none"
    (missing,) = [row for row in finding.figures["disturbances"] if row["disturbance"] == "missing"]
    assert missing["verdict"] == "failed"


@pytest.mark.parametrize("bench", [diabetes, radii], indirect=True)
@pytest.mark.parametrize("factor", [10, 0.01])
def test_a_wrong_scaler_fails(bench: Bench, factor: float) -> None:
    """One that was fitted to numbers in another unit: the training rows show it."""
    model = fitted(bench, LINEAR)
    model[0].scale_ *= factor
    finding = bench.judge(model)
    assert finding.verdict == "failed", finding.sentence
    said = f"of them with a deviation of {1 / factor:.3g}, and all others off likewise, where"
    assert said in finding.sentence


@pytest.mark.parametrize("bench", [diabetes], indirect=True)
@pytest.mark.parametrize(
    ("columns", "factor", "blamed"),
    [
        (slice(None), 2.1, True),
        (slice(None), 1 / 2.1, True),
        (slice(None), 1.5, False),
        ([2], 4.0, False),
        (slice(1, None), 4.0, False),
        (slice(1, None), [4.0, 0.25] * 4 + [4.0], False),
    ],
    ids=["wide", "narrow", "a little", "one", "all but one", "both ways"],
)
def test_a_scaler_is_blamed_when_all_columns_are_off_alike(
    bench: Bench, columns: Any, factor: Any, blamed: bool
) -> None:
    """By two times or more, in one direction."""
    model = fitted(bench, LINEAR)
    model[0].scale_[columns] *= factor
    assert bool([*scaling.faults(bench.build(model), bench.train)]) is blamed


@pytest.mark.parametrize("bench", [diabetes], indirect=True)
def test_columns_that_no_scaler_stretches_do_not_clear_a_wrong_one(bench: Bench) -> None:
    """What is constant, and flags of which the largest is 1, are not judged."""
    frame = pd.DataFrame(bench.train.features).assign(one=1.0)
    model = make_pipeline(StandardScaler(), Ridge()).fit(frame, bench.train.truth)
    model[0].scale_ *= 3.0
    bench.train = replace(bench.train, features=frame)
    assert [*scaling.faults(bench.build(model), bench.train)]


@pytest.mark.parametrize("bench", [radii], indirect=True)
def test_only_rows_that_trained_it_speak_against_a_scaler(bench: Bench) -> None:
    """Not those of another hospital that came since; and a hundred are needed."""
    model = fitted(bench, LINEAR)
    package = bench.build(model)
    frame = pd.DataFrame(bench.train.features)
    later = pd.concat([frame, *(frame * factor for factor in (8.0, 9.0, 10.0))], ignore_index=True)
    grown = Rows(features=later, truth=np.tile(bench.train.truth, 4), index=np.arange(len(later)))
    assert [*scaling.faults(package, grown)] == []
    model[0].scale_ *= 3.0
    wrong = bench.build(model, "1.0.1")
    assert [*scaling.faults(wrong, grown)]
    assert [*scaling.faults(wrong, bench.train.take(np.arange(100)))]
    assert [*scaling.faults(wrong, bench.train.take(np.arange(99)))] == []


@pytest.mark.parametrize("clean", [True, False], ids=["outliers dropped", "classes balanced"])
def test_a_scaler_of_balanced_or_cleaned_rows_is_not_blamed(tmp_path: Path, clean: bool) -> None:
    """It is a little off in all columns, or much in some: that is how sound models are made."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(4000, 4)), columns=list("abcd"))
    ill = random.random(4000) < 0.02
    frame.loc[ill, ["a", "b"]] += 6.0
    frame["c"] = random.lognormal(0, 2, 4000)
    used = np.flatnonzero(frame["c"] < frame["c"].quantile(0.99))
    if not clean:
        used = np.concatenate([np.flatnonzero(~ill), random.choice(np.flatnonzero(ill), 3900)])
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame.iloc[used], ill[used])
    rows = Rows(features=frame, truth=ill, index=np.arange(4000))
    known = seen.record({"train": rows})
    package = build(model, name="m", sample=frame, seen=known, out=tmp_path / "m")
    spread = frame.std() / model[0].scale_
    assert max(spread.max(), 1 / spread.min()) > 2
    assert [*scaling.faults(package, rows)] == []


@pytest.mark.parametrize("bench", [radii], indirect=True)
def test_what_it_cannot_see_costs_quality_or_nothing(bench: Bench) -> None:
    """One column, however wide; two other gates catch it."""
    sound = fitted(bench, LINEAR)
    wrong = copy.deepcopy(sound)
    column = int(np.abs(wrong[-1].coef_).argmax())
    wrong[0].scale_[column] *= 2.5
    live, version = bench.build(sound), bench.build(wrong, "1.0.1")
    more = "[gates.champion]\nmargin = 0.05\n[gates.floor]\nbounds = {mae = 1.0}\n"
    assert robustness.check(bench.case(version, more=more)).figures["suspicions"] == "none"
    assert champion.check(bench.case(version, live, more)).verdict == "failed"
    assert floor.check(bench.case(version, more=more)).verdict == "failed"
    assert floor.check(bench.case(live, more=more)).verdict == "passed"


@pytest.mark.parametrize("bench", [diabetes], indirect=True)
@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        RobustScaler(),
        MinMaxScaler(),
        MaxAbsScaler(),
    ],
    ids=str,
)
def test_sound_scalers_of_other_kinds_pass(bench: Bench, scaler: Any) -> None:
    """Quartiles, ranges, the largest value, or only one half of the work."""
    model = make_pipeline(scaler, Ridge(alpha=0.1))
    finding = bench.judge(model.fit(bench.train.features, bench.train.truth))
    assert finding.verdict == "passed", finding.sentence


@pytest.mark.parametrize("bench", [radii], indirect=True)
@pytest.mark.parametrize("rows", [slice(0, 30), slice(None)], ids=["few rows", "noisy rows"])
def test_a_scaler_fitted_to_a_sample_or_to_noisy_rows_passes(bench: Bench, rows: slice) -> None:
    """What it makes of all training rows is a little off."""
    known = pd.DataFrame(bench.train.features)
    noise = np.random.default_rng(0).normal(scale=0.3, size=known.shape) * known.std().to_numpy()
    used = (known + (noise if rows.stop is None else 0.0))[rows]
    model = make_pipeline(StandardScaler(), Ridge(alpha=30.0)).fit(used, bench.train.truth[rows])
    finding = bench.judge(model)
    assert finding.figures["suspicions"] == "none"


@pytest.mark.parametrize("bench", [radii], indirect=True)
def test_a_model_that_was_held_back_strongly_passes(bench: Bench) -> None:
    """It would do better with larger inputs, which is said, and is nobody's fault."""
    finding = bench.judge(fitted(bench, Ridge(alpha=1500.0)))
    assert finding.verdict == "passed", finding.sentence
    assert "It would answer better with all distances from the mean times" in finding.sentence
    assert "it minds its inputs little" in finding.sentence


@pytest.mark.parametrize("bench", [radii], indirect=True)
def test_a_fragile_regression_fails(bench: Bench) -> None:
    """Radius and circumference say the same: large weights that cancel out make noise larger."""
    model = fitted(bench, LINEAR)
    model[-1].coef_[[0, 2]] += 60.0, -60.0
    finding = bench.judge(model)
    assert finding.verdict == "failed"
    assert "Noise" in finding.sentence


class Hazards:
    """A discrete-time logistic model of the years to a patient's death, as a graph."""

    def __init__(self, rows: Rows) -> None:
        features = pd.DataFrame(rows.features).to_numpy(np.float64)
        self.fill = np.nanmedian(features, axis=0)
        known = np.where(np.isnan(features), self.fill, features)
        self.mean, self.scale = known.mean(axis=0), known.std(axis=0)
        row = np.repeat(np.arange(len(rows)), rows.truth)
        year = np.concatenate([np.arange(end) for end in rows.truth])
        came = (year == rows.truth[row] - 1) & np.asarray(rows.event)[row]
        person = np.hstack([((known - self.mean) / self.scale)[row], np.eye(YEARS)[year]])
        weights = LogisticRegression(max_iter=1000, fit_intercept=False).fit(person, came).coef_[0]
        self.slope, self.base = weights[:-YEARS, None], weights[-YEARS:]

    def graph(self) -> onnx.ModelProto:
        """Columns in, the hazard of each year out."""
        steps = [
            helper.make_node("IsNaN", ["input"], ["gone"]),
            helper.make_node("Where", ["gone", "fill", "input"], ["known"]),
            helper.make_node("Sub", ["known", "mean"], ["centred"]),
            helper.make_node("Div", ["centred", "scale"], ["scaled"]),
            helper.make_node("MatMul", ["scaled", "slope"], ["risk"]),
            helper.make_node("Add", ["risk", "base"], ["logit"]),
            helper.make_node("Sigmoid", ["logit"], ["hazard"]),
        ]
        names = ("fill", "mean", "scale", "slope", "base")
        values = [numpy_helper.from_array(getattr(self, n).astype(np.float32), n) for n in names]
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size])
            for name, size in (("input", len(self.mean)), ("hazard", YEARS))
        ]
        graph = helper.make_graph(steps, "hazards", ends[:1], ends[1:], values)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)

    def signature(self, columns: list[str]) -> Signature:
        """Numbers that may be missing, and a number a year."""
        inputs = tuple(Number(name=name, nullable=True) for name in columns)
        return Signature(inputs=inputs, output=Vector(steps=tuple(map(str, range(1, YEARS + 1)))))


@pytest.fixture
def survival(tmp_path: Path, registry: Registry) -> Bench:
    """900 people, how many years they were followed, and whether they died."""
    found, ends = load_flchain()
    columns = ["age", "creatinine", "kappa", "lambda"]
    years = np.minimum(ends["futime"] // 365 + 1, YEARS).astype(np.int64)
    died = ends["death"] & (ends["futime"] < YEARS * 365)
    rows = found[columns].astype(np.float64).assign(label=years, died=died)
    rows = rows.drop_duplicates(columns).sample(900, random_state=0)
    return Bench(tmp_path, registry, rows, 'event = "died"\n')


def test_a_sound_survival_model_passes(survival: Bench) -> None:
    """Ages and laboratory values, a sixth of the creatinines missing."""
    hazards = Hazards(survival.train)
    finding = survival.judge(hazards.graph(), hazards.signature(list(survival.train.features)))
    assert finding.verdict == "passed", finding.sentence
    tried = [row["disturbance"] for row in finding.figures["disturbances"]]
    assert tried == ["missing", "noise"]


def test_a_survival_model_with_a_wrong_scaler_fails(survival: Bench) -> None:
    """Fitted to numbers a hundred times smaller, it has everybody die at once or never."""
    hazards = Hazards(survival.train)
    hazards.scale /= 100
    hazards.mean /= 100
    finding = survival.judge(hazards.graph(), hazards.signature(list(survival.train.features)))
    assert finding.verdict == "failed", finding.sentence
    assert "It answers better with all" in finding.sentence


def test_a_survival_model_with_a_wrong_imputer_fails(survival: Bench) -> None:
    """Whoever lacks a value is taken for a hundred years old or mortally ill."""
    hazards = Hazards(survival.train)
    hazards.fill[:] = 999.0
    finding = survival.judge(hazards.graph(), hazards.signature(list(survival.train.features)))
    assert finding.verdict == "failed", finding.sentence
