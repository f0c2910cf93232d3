from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from interlock.package import Package
from interlock.signature.infer import feeds
from tests.package.conftest import Trained, patients


@pytest.fixture(scope="module")
def load() -> Any:
    """`mlflow.pyfunc.load_model`; MLflow warns of its own type hints when first imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc
        import mlflow.tracking

        return mlflow.pyfunc.load_model


def ours(package: Package, sample: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The graph's answers by ONNX Runtime, without MLflow."""
    import onnxruntime as ort

    session = ort.InferenceSession(package.graph_path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds(package.signature, sample)), strict=True))


def agree(got: dict[str, Any], expected: dict[str, Any]) -> None:
    """Both hold the same arrays in the same shapes, exactly."""
    assert list(got) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array)


def test_a_tensor_model_answers_through_mlflow(
    beat: Package, classifier: Trained, load: Any
) -> None:
    """A dict of arrays gives label and probabilities as the graph does."""
    rows = classifier.rows[:20]
    agree(load(str(beat.path)).predict({"beat": rows}), ours(beat, rows))


def test_a_tensor_in_a_pandas_column_is_taken(
    beat: Package, classifier: Trained, load: Any
) -> None:
    """A DataFrame with a list per cell is what MLflow's own scoring server makes of JSON."""
    rows = classifier.rows[:4]
    frame = pd.DataFrame({"beat": [row.tolist() for row in rows]})
    agree(load(str(beat.path)).predict(frame), ours(beat, rows))


def test_a_record_model_with_strings_answers_through_mlflow(
    intake: Package, record_classifier: Trained, load: Any
) -> None:
    """An ordinary DataFrame, with int64, float64 and object columns, is taken as it is."""
    frame = record_classifier.rows
    assert [str(kind) for kind in frame.dtypes] == ["int64", "float64", "object", "object"]
    agree(load(str(intake.path)).predict(frame), ours(intake, frame))


def test_a_regressor_answers_through_mlflow(cost: Package, load: Any) -> None:
    """Numbers come back as the graph gives them, from a frame as from arrays."""
    frame = patients(rows=15, seed=99)[["age", "dose"]]
    model = load(str(cost.path))
    agree(model.predict(frame), ours(cost, frame))
    agree(model.predict(feeds(cost.signature, frame)), ours(cost, frame))


def test_narrow_and_whole_numbers_are_cast(cost: Package, load: Any) -> None:
    """An int32 age and a whole-number dose are not refused for their type."""
    frame = pd.DataFrame({"age": np.array([30, 40], np.int32), "dose": [9, 11]})
    agree(load(str(cost.path)).predict(frame), ours(cost, frame))


def test_a_missing_column_is_refused_by_mlflow_too(intake: Package, load: Any) -> None:
    """The signature is enforced: a frame without one of the inputs has no answer."""
    from mlflow.exceptions import MlflowException

    with pytest.raises((MlflowException, KeyError), match="city"):
        load(str(intake.path)).predict(patients(rows=3).drop(columns="city"))


def test_the_onnx_flavour_loads(beat: Package) -> None:
    """MLflow's native flavour gives the graph itself."""
    import mlflow.onnx

    graph = mlflow.onnx.load_model(str(beat.path))
    assert [tensor.name for tensor in graph.graph.output] == ["label", "probabilities"]


def test_mlflow_reads_the_signature_that_was_written(intake: Package) -> None:
    """Names, types and shapes arrive; strings are objects, columns have rank one."""
    from mlflow.models import Model

    model = Model.load(str(intake.path))
    signature = model.signature
    assert {spec.name: (str(spec.type), spec.shape) for spec in signature.inputs.inputs} == {
        "age": ("int64", (-1,)),
        "dose": ("float32", (-1,)),
        "plan": ("object", (-1,)),
        "city": ("object", (-1,)),
    }
    assert [str(spec.type) for spec in signature.outputs.inputs] == ["int64", "float32"]
    assert model.metadata == {"interlock": {"name": "intake", "version": "1.0.0"}}


def test_environment_files_pin_what_loading_needs(beat: Package) -> None:
    """The three files agree with each other and are what MLflow expects."""
    pins = (beat.path / "requirements.txt").read_text().split()
    assert {pin.split("==")[0] for pin in pins} >= {"numpy", "onnx", "onnxruntime", "pandas"}
    conda = (beat.path / "conda.yaml").read_text()
    assert conda.endswith("- pip:\n" + "".join(f"  - {pin}\n" for pin in pins))
    python = (beat.path / "python_env.yaml").read_text()
    assert python.startswith(f"python: {beat.manifest.libraries['python']}\n")
    assert python.endswith("dependencies:\n- -r requirements.txt\n")
