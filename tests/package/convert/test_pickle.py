"""Pickle and joblib files: only when the caller says so."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from interlock.errors import ConversionError
from interlock.package.convert import PickleWarning, load
from tests.package.convert.conftest import Proof

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize("name", ["model.pkl", "model.pickle", "model.joblib"])
def test_trusted_file(prove: Proof, beats: Array, kinds: Array, tmp_path: Path, name: str) -> None:
    """With trust the model is loaded, with a warning that says why trust is needed."""
    path = tmp_path / name
    dump = joblib.dump if path.suffix == ".joblib" else lambda m, p: p.write_bytes(pickle.dumps(m))
    dump(LogisticRegression().fit(beats, kinds), path)
    with pytest.warns(PickleWarning, match="runs whatever code is in it"):
        prove(load(path, trust_pickle=True), beats)


def test_untrusted_file_is_not_run(tmp_path: Path) -> None:
    """Without trust nothing in the file is executed."""
    mark = tmp_path / "ran"
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(_Touch(mark)))
    with pytest.raises(ConversionError, match="--trust-pickle"):
        load(path)
    assert not mark.exists()
    with pytest.warns(PickleWarning):
        load(path, trust_pickle=True)
    assert mark.exists()


def test_file_that_is_no_pickle(tmp_path: Path) -> None:
    """Bytes that cannot be unpickled are refused by the file's name."""
    path = tmp_path / "model.pkl"
    path.write_bytes(b"nonsense")
    with pytest.warns(PickleWarning), pytest.raises(ConversionError, match=r"model\.pkl: cannot"):
        load(path, trust_pickle=True)


class _Touch:
    """What an attacker would pickle: loading it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)
