"""Train a model, judge it on rows it has not seen, and build its package in dist/."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from interlock import package, policy
from interlock.evidence import metrics
from interlock.evidence.splits import stratified
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
RULES = policy.read(HERE / "interlock.toml")
SPLITS = {"train": 0.6, "validation": 0.2, "test": 0.2}


def load() -> tuple[pd.DataFrame, pd.Series]:
    """Ten named columns, and the diagnosis of each row. Replace this with your own data."""
    data = load_breast_cancer(as_frame=True)
    columns = {name: name[5:].replace(" ", "_") for name in data.data if name.startswith("mean ")}
    diagnosis = data.target.map({0: "malignant", 1: "benign"})
    return data.data[list(columns)].rename(columns=columns), diagnosis


def fit(rows: pd.DataFrame, diagnosis: pd.Series) -> Pipeline:
    """Preprocessing belongs in the pipeline: it becomes part of the packaged graph."""
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, diagnosis)


def judge(model: Pipeline, rows: pd.DataFrame, diagnosis: pd.Series) -> dict[str, float]:
    """The figures of one split. The probabilities are in the order of `model.classes_`."""
    labels = model.classes_.tolist()
    return metrics.classification(labels, diagnosis, model.predict(rows), model.predict_proba(rows))


def main(out: Path, previous: Path | None = None) -> package.Package:
    """Train, judge, and build the package in the new directory `out`."""
    rows, diagnosis = load()
    parts = {
        name: (rows.iloc[chosen], diagnosis.iloc[chosen])
        for name, chosen in stratified(diagnosis, SPLITS, seed=0).items()
    }
    model = fit(*parts["train"])
    figures = {name: judge(model, *part) for name, part in parts.items()}
    for figure in ("majority_accuracy", "accuracy", "f1_macro", "recall_malignant"):
        print(f"test {figure:20}{figures['test'][figure]:.3f}")
    return package.build(
        model,
        **RULES.build_options(),
        sample=parts["validation"][0],
        training_data=parts["train"][0].assign(diagnosis=parts["train"][1]),
        metrics=figures,
        previous=previous,
        out=out,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "dist" / f"{RULES.model.name}-1.0.0")
    parser.add_argument("--previous", type=Path, help="package that the new one follows")
    arguments = parser.parse_args()
    if arguments.out.exists():
        parser.error(f"{arguments.out} exists already: remove it, or choose another --out")
    built = main(arguments.out, arguments.previous)
    print(f"{built.name} {built.version} is in {built.path}")
