"""Heartbeat classifiers: the first one, and the parameters that better ones are looked for in.

`interlock train` and `interlock tune` call these functions; interlock.toml names them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from beats import LABELS
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from interlock.signature import Classes, Signature, Tensor

Beats = NDArray[np.float32]


def fit(
    data: Any,
    report: Any,
    *,
    layers: str = "64",
    decay: float = 1.0,
    epochs: int = 0,
    noise: float = 0.0,
    shift: int = 0,
) -> Pipeline:
    """A neural network on scaled samples.

    As it is: one hidden layer with strong weight decay, fitted until it learns no more of the
    training beats. That is what a first model needs. With `epochs` it sees every beat so many
    times, each time a little otherwise, and reports how it does on validation.

    Parameters
    ----------
    layers
        Sizes of the hidden layers, as in ``128-64``.
    decay
        Weight decay.
    noise, shift
        With `epochs`: each beat gets normal noise of this deviation, and is moved by at most so
        many samples.
    """
    beats, labels = data.train.features["beat"], data.train.truth
    scaler = StandardScaler().fit(beats)
    network = MLPClassifier(
        [int(size) for size in layers.split("-")], alpha=decay, max_iter=500, random_state=0
    )
    # Matrices this small are faster on one thread.
    with threadpool_limits(1):
        if not epochs:
            return make_pipeline(scaler, network.fit(scaler.transform(beats), labels))
        random = np.random.RandomState(0)
        for epoch in range(epochs):
            samples = scaler.transform(_disturbed(beats, noise, shift, random))
            network.partial_fit(samples, labels, classes=np.unique(labels))
            if epoch % 5 == 4:
                report(epoch, _loss(scaler, network, data.validation))
    return make_pipeline(scaler, network)


def _disturbed(beats: Beats, noise: float, shift: int, random: np.random.RandomState) -> Beats:
    """Beats as another recording might have them."""
    moved = random.randint(-shift, shift + 1, len(beats))
    samples = (np.arange(beats.shape[1]) - moved[:, None]).clip(0, beats.shape[1] - 1)
    return np.take_along_axis(beats, samples, axis=1) + random.normal(0, noise, beats.shape)


def _loss(scaler: StandardScaler, network: MLPClassifier, rows: Any) -> float:
    given = network.predict_proba(scaler.transform(rows.features["beat"]))
    return float(log_loss(rows.truth, given, labels=network.classes_))


def space(trial: Any) -> dict[str, Any]:
    """What a trial of `interlock tune` tries."""
    return {
        "layers": trial.suggest_categorical("layers", ["64", "128", "128-64"]),
        "decay": trial.suggest_float("decay", 0.3, 10, log=True),
        "epochs": trial.suggest_int("epochs", 40, 120, step=20),
        "noise": trial.suggest_float("noise", 0.1, 0.5),
        "shift": trial.suggest_int("shift", 1, 4),
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
