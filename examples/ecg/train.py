"""Heartbeat classifiers: the first one, and the parameters that better ones are looked for in.

`interlock train` and `interlock tune` call these functions; interlock.toml names them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from beats import LABELS
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from interlock.evidence.splits import stratified
from interlock.signature import Classes, Signature, Tensor

Beats = NDArray[np.float32]


def fit(
    data: Any,
    report: Any,
    *,
    share: float = 1.0,
    penalty: float = 1.0,
    swapped: float = 0.0,
    epochs: int = 0,
    **parameters: Any,
) -> ClassifierMixin:
    """A linear model on scaled samples, which is what a first model needs; or what tuning found.

    Parameters
    ----------
    share
        The part of the training beats to learn from: what would fewer beats have given?
    penalty
        Of large weights in the linear model.
    swapped
        The part of the training beats whose labels have normal and R-on-T the other way round, as
        from an annotator who mixed them up: a fault, to see what finds it.
    epochs
        With any, a neural network and trees answer together, and this is how often the network
        sees every beat; `parameters` are those of `network` and `trees`.
    """
    beats, labels = data.train.features["beat"], data.train.truth
    if share < 1:
        kept = stratified(labels, {"kept": share, "left": 1 - share}, seed=0)["kept"]
        beats, labels = beats[kept], labels[kept]
    if swapped:
        labels = mixed_up(labels, swapped)
    # Matrices this small are faster on one thread.
    with threadpool_limits(1):
        if not epochs:
            linear = LogisticRegression(C=1 / penalty, max_iter=2000)
            return make_pipeline(StandardScaler(), linear).fit(beats, labels)
        return together(beats, labels, data.validation, report, epochs=epochs, **parameters)


def mixed_up(labels: NDArray[Any], share: float) -> NDArray[Any]:
    """`labels` with two classes swapped in a random `share` of the rows."""
    hit = np.random.RandomState(0).random_sample(len(labels)) < share
    other = {"normal": "r-on-t", "r-on-t": "normal"}
    wrong = np.array([other.get(label, label) for label in labels], labels.dtype)
    return np.where(hit, wrong, labels)


def together(
    beats: Beats,
    labels: NDArray[Any],
    validation: Any,
    report: Any,
    *,
    trees: int,
    weight: float,
    **parameters: Any,
) -> VotingClassifier:
    """A network and trees whose probabilities are averaged; the network's count by `weight`."""
    learned = network(beats, labels, validation, report, **parameters)
    forest = ExtraTreesClassifier(trees, random_state=0).fit(beats, labels)
    members = [("network", learned), ("trees", forest)]
    weights = np.array([weight, 1 - weight])
    both = VotingClassifier(members, voting="soft", weights=weights, flatten_transform=False)
    # Fitted already: the network learned from disturbed beats, the trees from those as they are.
    both.estimators_, both.classes_ = [learned, forest], forest.classes_
    both.le_ = LabelEncoder().fit(labels)
    return both


def network(
    beats: Beats,
    labels: NDArray[Any],
    validation: Any,
    report: Any,
    *,
    epochs: int,
    layers: str,
    decay: float,
    noise: float,
    shift: int,
) -> Pipeline:
    """A neural network that sees every beat `epochs` times, each time a little otherwise.

    Reports how it does on validation. `layers` are the sizes of hidden layers, as in ``128-64``,
    `decay` is of weights. Each beat gets normal noise of the deviation `noise`, and is moved by at
    most `shift` samples.
    """
    scaler = StandardScaler().fit(beats)
    learner = MLPClassifier(
        [int(size) for size in str(layers).split("-")], alpha=decay, random_state=0
    )
    random = np.random.RandomState(0)
    for epoch in range(epochs):
        samples = scaler.transform(_disturbed(beats, noise, shift, random))
        learner.partial_fit(samples, labels, classes=np.unique(labels))
        if epoch % 5 == 4:
            report(epoch, _loss(scaler, learner, validation))
    return make_pipeline(scaler, learner)


def _disturbed(beats: Beats, noise: float, shift: int, random: np.random.RandomState) -> Beats:
    """Beats as another recording might have them."""
    moved = random.randint(-shift, shift + 1, len(beats))
    samples = (np.arange(beats.shape[1]) - moved[:, None]).clip(0, beats.shape[1] - 1)
    return np.take_along_axis(beats, samples, axis=1) + random.normal(0, noise, beats.shape)


def _loss(scaler: StandardScaler, learner: MLPClassifier, rows: Any) -> float:
    given = learner.predict_proba(scaler.transform(rows.features["beat"]))
    return float(log_loss(rows.truth, given, labels=learner.classes_))


def space(trial: Any) -> dict[str, Any]:
    """What a trial of `interlock tune` tries."""
    return {
        "layers": trial.suggest_categorical("layers", ["64", "128", "128-64"]),
        "decay": trial.suggest_float("decay", 0.3, 10, log=True),
        "epochs": trial.suggest_int("epochs", 40, 120, step=20),
        "noise": trial.suggest_float("noise", 0.1, 0.5),
        "shift": trial.suggest_int("shift", 1, 4),
        "trees": trial.suggest_int("trees", 50, 200, step=50),
        "weight": trial.suggest_float("weight", 0.3, 0.8),
    }


def describe(data: Any) -> Signature:
    """The range allowed is that of the training beats, widened by half its width at both ends."""
    beats = data.train.features["beat"]
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
