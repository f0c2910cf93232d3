"""Two small projects with their packages, each built once, and cases on a real registry."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from interlock import package as packages
from interlock import policy as policies
from interlock.data import parts, seen
from interlock.data.rows import Rows
from interlock.gates.case import Case
from interlock.package import Package, digest
from interlock.package.builder import build
from interlock.policy import Policy
from interlock.registry import Registry
from interlock.signature.schema import Category, Classes, Number, Signature, Tensor

ROWS = 1000
LABELS = ("calm", "wild")
SPLITS = """
[splits]
train = 0.4
validation = 0.05
test = 0.05
holdout = 0.4
staging = 0.1
"""


class Project(NamedTuple):
    """A model project: its folder, its policy as text, and packages by what they are."""

    folder: Path
    text: str
    packages: dict[str, Package]

    def policy(self, more: str = "") -> Policy:
        """The policy with more tables."""
        return policies.parse(self.text + more)


MakeCase = Callable[..., Case]


def signals() -> dict[str, np.ndarray[Any, Any]]:
    """Signals of 24 samples, around 5, in two classes that overlap somewhat."""
    random = np.random.default_rng(11)
    label = np.array(LABELS)[np.arange(ROWS) % 2]
    beat = 5 + random.normal(scale=1.0, size=(ROWS, 24))
    beat[label == "wild"] += 0.55 * np.sin(np.arange(24) / 3)
    site = np.array(["north", "south", "west"])[random.choice(3, ROWS, p=(0.5, 0.48, 0.02))]
    age = random.integers(20, 90, ROWS)
    return {"beat": beat.astype(np.float32), "label": label, "site": site, "age": age}


def save(path: Path, columns: dict[str, Any]) -> None:
    """Write columns as an npz file."""
    kept: dict[str, Any] = columns
    np.savez(path, allow_pickle=False, **kept)


def visits() -> pd.DataFrame:
    """Records with missing numbers and missing words."""
    random = np.random.default_rng(5)
    dose = random.normal(10, 2, ROWS)
    plan = random.choice(["basic", "gold"], ROWS)
    chance = 1 / (1 + np.exp(-(dose - 10) - 1.5 * (plan == "gold") + 0.7))
    age = random.uniform(20, 90, ROWS)  # says nothing, and makes every row another
    frame = pd.DataFrame(
        {"dose": dose, "age": age, "plan": plan, "label": random.random(ROWS) < chance}
    )
    frame["label"] = np.where(frame["label"], "wild", "calm")
    frame.loc[random.random(ROWS) < 0.05, "dose"] = np.nan
    return frame


@pytest.fixture(scope="session")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A tensor project: a champion, its like, one of few rows, and one with a wrong scaler."""
    folder = tmp_path_factory.mktemp("waves")
    save(folder / "waves.npz", signals())
    text = (
        f'[model]\nname = "waves"\n[data]\nsource = "waves.npz"\ndrop = ["site", "age"]\n{SPLITS}'
    )
    train = parts.read(policies.parse(text), folder)["train"]
    beats, labels = train.features["beat"], train.truth
    good = make_pipeline(StandardScaler(), LogisticRegression(C=0.05)).fit(beats, labels)
    like = make_pipeline(StandardScaler(), LogisticRegression(C=0.06)).fit(beats, labels)
    poor = make_pipeline(StandardScaler(), LogisticRegression()).fit(beats[:16], labels[:16])
    wrong = copy.deepcopy(good)
    scaler = good.steps[0][1]  # the wrong one was fitted to numbers in another unit
    wrong.steps[0][1].mean_, wrong.steps[0][1].scale_ = scaler.mean_ / 100, scaler.scale_ / 100
    field = Tensor(name="beat", shape=(24,))
    models = {"1.0.0": good, "1.0.1": like, "1.0.2": poor, "1.0.3": wrong}
    made = {
        version: _built(model, version, folder, field, train) for version, model in models.items()
    }
    narrow = Tensor(name="beat", shape=(24,), minimum=-20.0, maximum=30.0)
    made["1.1.0"] = _built(good, "1.1.0", folder, narrow, train)
    made["2.0.0"] = _built(good, "2.0.0", folder, narrow, train)
    return Project(folder, text, made)


def _built(model: Any, version: str, folder: Path, field: Tensor, train: Rows) -> Package:
    return build(
        model,
        name="waves",
        version=version,
        signature=Signature(inputs=(field,), output=Classes(labels=LABELS)),
        sample=train.features,
        seen=seen.record({"train": train}) if version == "1.0.3" else None,
        out=folder / f"package-{version}",
    )


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A record project whose inputs may be missing."""
    folder = tmp_path_factory.mktemp("visits")
    visits().to_parquet(folder / "visits.parquet")
    text = f'[model]\nname = "visits"\n[data]\nsource = "visits.parquet"\n{SPLITS}'
    train = parts.read(policies.parse(text), folder)["train"]
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [("n", numbers, ["dose", "age"]), ("w", OneHotEncoder(handle_unknown="ignore"), ["plan"])]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(train.features, train.truth)
    signature = Signature(
        inputs=(
            Number(name="dose", nullable=True, minimum=0.0, maximum=20.0),
            Number(name="age"),
            Category(name="plan", values=("basic", "gold"), nullable=True),
        ),
        output=Classes(labels=LABELS),
    )
    made = build(
        model,
        name="visits",
        version="1.0.0",
        signature=signature,
        sample=train.features,
        out=folder / "package",
    )
    return Project(folder, text, {"1.0.0": made})


@pytest.fixture
def make_case(waves: Project, registry: Registry, tmp_path: Path) -> MakeCase:
    """A case of a project, by the versions of challenger and champion, with more policy."""

    def make(
        challenger: str | Package = "1.0.1",
        champion: str | None = None,
        more: str = "",
        *,
        project: Project = waves,
        **options: Any,
    ) -> Case:
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        return Case(
            policy=project.policy(more),
            folder=project.folder,
            challenger=project.packages[challenger] if isinstance(challenger, str) else challenger,
            champion=project.packages[champion] if champion else None,
            scratch=scratch,
            book=registry,
            **options,
        )

    return make


@pytest.fixture
def copied(waves: Project, tmp_path: Path) -> Path:
    """A copy of a package, to be changed."""
    return Path(shutil.copytree(waves.packages["1.0.0"].path, tmp_path / "copied"))


def resealed(root: Path) -> Package:
    """The package at `root` with digests of its files as they are now."""
    (root / "digests.json").write_bytes(digest.listing(root).to_json())
    return packages.read(root)
