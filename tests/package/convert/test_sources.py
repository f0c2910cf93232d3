"""The table of sources: what is accepted, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from interlock.errors import ConversionError
from interlock.package.convert import convert, infer_output, load
from interlock.signature.schema import Value
from tests.package.convert.conftest import describe

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize("model", [object(), 3, {"a": 1}, np.zeros(3)])
def test_object_that_is_no_model(beats: Array, model: Any) -> None:
    """Anything else is refused with the list of what is accepted."""
    for attempt in (infer_output, lambda m: convert(m, describe(beats, Value()), sample=beats)):
        with pytest.raises(ConversionError, match=r"cannot be packaged; accepted: a scikit-learn"):
            attempt(model)


def test_file_of_unknown_kind(tmp_path: Path) -> None:
    """A file is refused by its suffix, and by its absence."""
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(ConversionError, match=r"model\.h5: not a kind of file.*MLflow model URI"):
        load(tmp_path / "model.h5")
    with pytest.raises(ConversionError, match=r"absent\.onnx: no such file"):
        load(str(tmp_path / "absent.onnx"))


def test_object_is_returned_as_it_is() -> None:
    """A model object needs no loading."""
    model = LinearRegression()
    assert load(model) is model


def test_subclass_of_an_estimator(beats: Array) -> None:
    """A class of the user's own is recognised by what it inherits from, then refused by name."""

    class Doubled(LinearRegression):  # type: ignore[misc]
        def predict(self, X: Any) -> Any:  # noqa: N803
            return 2 * super().predict(X)

    model = Doubled().fit(beats, beats[:, 0])
    assert infer_output(model) == Value()
    with pytest.raises(ConversionError, match="Doubled cannot become ONNX"):
        convert(model, describe(beats, Value()), sample=beats)


def test_activation_for_a_model_that_needs_none(beats: Array) -> None:
    """An activation is for networks; other models give probabilities themselves."""
    model = LinearRegression().fit(beats, beats[:, 0])
    with pytest.raises(ConversionError, match="PyTorch and ONNX networks; LinearRegression"):
        convert(model, describe(beats, Value()), sample=beats, activation="softmax")
