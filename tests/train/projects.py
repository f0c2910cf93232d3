"""A project small enough to train in a blink."""

from __future__ import annotations

from pathlib import Path

TOML = """
[model]
name = "{name}"
[data]
source = "model:load"
{data}
[train]
fit = "model:{fit}"
[tune]
space = "model:{space}"
trials = {trials}
startup = {startup}
top = 3
[metrics]
primary = "{primary}"
"""

CODE = '''
import json
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from interlock.train import Pruned

HERE = Path(__file__).parent


def load():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 400))
    noisy = x + 0.5 * y + random.normal(scale=0.5, size=400)
    return pd.DataFrame({"x": x, "y": y, "label": np.where(noisy > 0, "up", "down")})


def fit(data, strength=1.0, fit_intercept=True):
    model = LogisticRegression(C=strength, fit_intercept=fit_intercept)
    return model.fit(data.train.features, data.train.truth)


def spying(data, strength=1.0):
    seen = {name: getattr(data, name).index.tolist() for name in vars(data)}
    (HERE / "seen.json").write_text(json.dumps(seen))
    return fit(data, strength)


def reporting(data, report, strength=1.0):
    for step in range(3):
        report(step, strength if step < 2 else 0.0)
    return fit(data, strength)


def spoiling(data, strength=1.0):
    model = fit(data, strength)
    data.train.features["x"] = 0.0
    data.validation.truth[:] = "up"
    return model


def choosy(data, strength=1.0):
    if strength < 1:
        raise Pruned
    return fit(data, strength)


def raising(data, strength=1.0):
    """Raises what is no fault of the parameters, in its third fit and in its fourth."""
    count = len(list(HERE.glob("fit-*")))
    (HERE / f"fit-{count}").write_text(repr(strength))
    if count in (2, 3):
        raise ZeroDivisionError("no gradient")
    return fit(data, strength)


def diverging(data, strength=1.0):
    model = fit(data, strength)
    if strength > 1:
        model.coef_[:] = np.nan
    return model


def dying(data, strength=1.0):
    """Fits, but dies in its fifth fit, or is stopped there, where a file says so."""
    count = len(list(HERE.glob("fit-*")))
    (HERE / f"fit-{count}").write_text(repr(strength))
    if count == 4 and (HERE / "stopped").exists():
        raise KeyboardInterrupt
    if count == 4 and (HERE / "deadly").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return fit(data, strength)


def space(trial):
    return {"strength": trial.suggest_float("strength", 1e-3, 1e3, log=True)}


def odd_space(trial):
    return [trial.suggest_float("strength", 1e-3, 1e3, log=True)]
'''


def make(
    folder: Path,
    *,
    name: str = "m",
    fit: str = "fit",
    space: str = "space",
    trials: int = 8,
    startup: int = 4,
    primary: str = "log_loss",
    data: str = "",
) -> Path:
    """The policy file of a project in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(CODE)
    file = folder / "interlock.toml"
    file.write_text(
        TOML.format(
            name=name,
            fit=fit,
            space=space,
            trials=trials,
            startup=startup,
            primary=primary,
            data=data,
        )
    )
    return file
