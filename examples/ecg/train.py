"""Train the first heartbeat classifier, judge it, and build its package.

Seconds of work: python examples/ecg/train.py
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from beats import LABELS, splits
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from interlock import package, policy
from interlock.evidence import metrics
from interlock.signature import Classes, Signature, Tensor

HERE = Path(__file__).resolve().parent


def fit(beats: NDArray[np.float32], labels: NDArray[Any]) -> Pipeline:
    """One hidden layer with strong weight decay: what a first model needs, and no more."""
    network = MLPClassifier((64,), alpha=1.0, max_iter=500, random_state=0)
    return make_pipeline(StandardScaler(), network).fit(beats, labels)


def judge(model: Pipeline, beats: NDArray[np.float32], labels: NDArray[Any]) -> dict[str, float]:
    """The figures of one split."""
    order = [model.classes_.tolist().index(label) for label in LABELS]
    probabilities = model.predict_proba(beats)[:, order]
    return metrics.classification(LABELS, labels, model.predict(beats), probabilities)


def describe(beats: NDArray[np.float32]) -> Signature:
    """The range allowed is that of the training beats, widened by half its width at both ends."""
    low, high = float(beats.min()), float(beats.max())
    margin = (high - low) / 2
    beat = Tensor(
        name="beat",
        shape=(140,),
        description="one heartbeat, stretched to 140 samples, mean 0 and standard deviation 1",
        minimum=round(low - margin, 1),
        maximum=round(high + margin, 1),
    )
    return Signature(inputs=(beat,), output=Classes(labels=LABELS))


def show(figures: dict[str, dict[str, float]]) -> None:
    """Print what matters beside the baseline: accuracy alone hides the rare classes."""
    shown = {
        'accuracy of always "normal"': "majority_accuracy",
        "accuracy": "accuracy",
        "macro-F1": "f1_macro",
        **{f"recall of {label}": f"recall_{label}" for label in LABELS},
    }
    print(f"{'':28}{'test':>8}{'holdout':>9}")
    for title, figure in shown.items():
        print(f"{title:28}{figures['test'][figure]:8.3f}{figures['holdout'][figure]:9.3f}")


def main(arguments: list[str] | None = None) -> None:
    """Train, judge, build."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "dist" / "ecg-1.0.0")
    parser.add_argument("--previous", type=Path, help="package that the new one follows")
    chosen = parser.parse_args(arguments)
    if chosen.out.exists():
        parser.error(f"{chosen.out} exists already: remove it, or choose another --out")

    parts = splits()
    beats, labels = parts["train"]
    model = fit(beats, labels)
    figures = {name: judge(model, *part) for name, part in parts.items()}
    show(figures)

    rules = policy.read(HERE / "interlock.toml")
    built = package.build(
        model,
        **rules.build_options(),
        signature=describe(beats),
        sample=parts["validation"][0],
        training_data={"beat": beats, "label": labels},
        metrics=figures,
        previous=chosen.previous,
        out=chosen.out,
    )
    print(f"\n{built.name} {built.version} is in {built.path}\n{built.digest}")


if __name__ == "__main__":
    main()
