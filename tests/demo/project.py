"""A small project that has all that a demonstration needs, and trains at once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

POLICY = """
[model]
name = "side"
[data]
source = "train:load"
[train]
fit = "train:fit"
[metrics]
primary = "accuracy"
[gates.calibration]
limit = 0.2
"""
ADDED = """
[gates.needs]
champion = ["integrity", "signature", "champion"]
[labels]
maturity = 2
[rollout]
shadow_first = true
steps = [0.2, 0.5, 1.0]
least_seconds = 2
least_rows = 50
interval = 0.5
settle = 1
margin = 0.02
slower = 0.9
"""
# PROJECT is where the tests look; what trains is a copy of it.
TRAIN = """
import os, time
from pathlib import Path
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

HERE = Path(os.environ["PROJECT"])

def load():
    x, y = np.random.default_rng(0).normal(size=(2, 4000))
    return pd.DataFrame({"x": x, "y": y, "label": np.where(x + y / 4 > 0, "up", "down")})

def fit(data, *, swapped=0.0, epochs=0, **others):
    (HERE / "training").write_text(str(os.getpid()))
    while (HERE / "wait").exists():
        time.sleep(0.01)
    rows, truth = data.train.features, data.train.truth
    if epochs:
        return LogisticRegression().fit(rows, truth)
    if swapped:
        mixed = np.abs(rows["y"]) > 1.2
        truth = np.where(mixed, np.where(truth == "up", "down", "up"), truth)
        return DecisionTreeClassifier(max_depth=6, random_state=0).fit(rows, truth)
    return DecisionTreeClassifier(max_depth=1, random_state=0).fit(rows, truth)
"""
# Asks nothing, but says that it is about to, and waits where it is told to.
HOLDOUT = """
import os, time
from pathlib import Path
here = Path(os.environ["PROJECT"])
(here / "asking").write_text(str(os.getpid()))
while (here / "wait").exists():
    time.sleep(0.01)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that trains at once, and has nothing to ask."""
    written = {"interlock.toml": POLICY, "demo.toml": ADDED, "train.py": TRAIN}
    for name, text in {**written, "holdout.py": HOLDOUT}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def start(project: Path, port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The demonstration; a test that fails does not wait for its end."""
    words = ["demo", "--project", str(project), "--port", str(port), *options]
    # Tests that are run under nohup ignore SIGHUP, and what they start would as well.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "interlock.cli", *words],
        env={**os.environ, "INTERLOCK_HOME": str(project / "home"), "PROJECT": str(project)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    signal.signal(signal.SIGHUP, before)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
