"""A small project with two trained versions, served for real: what the staging gates look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import helper, numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from interlock import package
from interlock.gates.case import Case
from interlock.package import Package, digest
from interlock.policy import parse
from interlock.registry.holdouts import Account, Hashed

POLICY = """
[model]
name = "plan"
[data]
source = "rows.parquet"
label = "outcome"
"""


class Looks:
    """A book of looks that has room for one."""

    def account(self, model: str, holdout: str, columns: Sequence[str], hashed: Hashed) -> Account:
        """Every holdout pays for itself."""
        assert hashed(columns) is not None
        return Account(holdout, 0.0)

    def spend(self, holdout: str, gate: str, key: str, alpha: float) -> int:
        return 1


def patients(rows: int = 400) -> pd.DataFrame:
    """Records whose outcome follows from them, but for some noise."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "age": random.normal(50, 15, rows),
            "dose": random.normal(10, 3, rows),
            "plan": random.choice(["basic", "gold", "plus"], rows),
        }
    )
    score = (frame["age"] - 50) / 15 + (frame["dose"] - 10) / 3 + random.normal(0, 0.4, rows)
    frame["outcome"] = np.select([score > 0.7, score < -0.7], ["high", "low"], "middle")
    return frame


def build(place: Path, name: str, model: Any, version: str) -> Package:
    """A package of `model`, trained on half of the patients."""
    half = patients().iloc[:200]
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age", "dose"]),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["plan"]),
        ]
    )
    features = half.drop(columns="outcome")
    fitted = make_pipeline(columns, model).fit(features, half["outcome"])
    return package.build(fitted, name="plan", sample=features, version=version, out=place / name)


def version(factory: pytest.TempPathFactory, number: str) -> Package:
    """Version 1.0.0, or 1.1.0 with other weights. Built once."""
    models = {
        "1.0.0": lambda: LogisticRegression(C=0.1),
        "1.1.0": lambda: LogisticRegression(C=10),
    }
    place = factory.getbasetemp() / "staged-versions"
    if not (place / number).exists():
        return build(place, number, models[number](), number)
    return package.read(place / number)


def make_case(
    place: Path, challenger: Package, champion: Package | None = None, policy: str = ""
) -> Case:
    """A case of a project in ``place/project``, with `policy` added to the usual one."""
    project = place / "project"
    scratch = place / "scratch"
    for folder in (project, scratch):
        folder.mkdir(exist_ok=True)
    patients().to_parquet(project / "rows.parquet")
    (project / "train.py").write_text("raise RuntimeError('the training code is not for servers')")
    return Case(
        policy=parse(POLICY + policy),
        folder=project,
        challenger=challenger,
        champion=champion,
        scratch=scratch,
        book=Looks(),
    )


def changed(found: Package, place: Path, file: str, text: bytes) -> Package:
    """A copy of a package in which a file is another, and every digest fits that."""
    place.mkdir()
    for path in found.path.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    (place / file).write_bytes(text)
    (place / digest.LISTING).write_bytes(digest.listing(place).to_json())
    return package.verify(place)


def slowed(found: Package, place: Path, layers: int = 30, width: int = 1500) -> Package:
    """A copy of a classifier that gives the same answers after much work for nothing."""
    model = onnx.load(found.graph_path)
    graph = model.graph
    for node in graph.node:
        node.output[:] = ["quick" if name == "probabilities" else name for name in node.output]
        node.input[:] = ["quick" if name == "probabilities" else name for name in node.input]
    weights = np.random.default_rng(0).normal(0, 0.01, (width, width)).astype(np.float32)
    graph.initializer.append(numpy_helper.from_array(weights, "work"))
    classes = len(found.signature.output.labels)  # type: ignore[union-attr]
    graph.initializer.append(numpy_helper.from_array(weights[:classes], "first"))
    graph.initializer.append(numpy_helper.from_array(np.zeros_like(weights[:, :classes]), "last"))
    graph.node.append(helper.make_node("MatMul", ["quick", "first"], ["layer0"]))
    for layer in range(layers):
        names = [f"layer{layer}", "work"], [f"layer{layer + 1}"]
        graph.node.append(helper.make_node("MatMul", *names))
    graph.node.append(helper.make_node("MatMul", [f"layer{layers}", "last"], ["nothing"]))
    graph.node.append(helper.make_node("Add", ["quick", "nothing"], ["probabilities"]))
    return changed(found, place, "model.onnx", model.SerializeToString())
