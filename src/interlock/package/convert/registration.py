"""What skl2onnx has to be told: of LightGBM and XGBoost as steps, and mends to converters."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import onnx
import pandas as pd
from skl2onnx import update_registered_converter
from skl2onnx.common import shape_calculator
from skl2onnx.common._registration import get_converter, register_converter
from skl2onnx.common.data_types import DoubleTensorType
from skl2onnx.operator_converters.common import concatenate_variables

_CLASSIFIER_OPTIONS = {"zipmap": [True, False, "columns"], "nocl": [True, False]}


def register() -> None:
    """Register the boosters that are in use; a model that is not imported cannot be in a Pipeline.

    Calling it again does nothing. The boosters are optional, hence the imports inside functions.
    """
    _mend_histograms()
    _mend_imputer()
    if "lightgbm" in sys.modules:
        _register_lightgbm()
    if "xgboost" in sys.modules:
        _register_xgboost()


@cache
def _register_lightgbm() -> None:
    from lightgbm import LGBMClassifier, LGBMRegressor  # noqa: PLC0415
    from onnxmltools.convert.lightgbm.operator_converters import LightGbm  # noqa: PLC0415

    converter = LightGbm.convert_lightgbm
    _classifier(LGBMClassifier, "LightGbmLGBMClassifier", converter)
    _regressor(LGBMRegressor, "LightGbmLGBMRegressor", converter, {"split": None})


@cache
def _register_xgboost() -> None:
    from onnxmltools.convert.xgboost.operator_converters import XGBoost  # noqa: PLC0415
    from xgboost import XGBClassifier, XGBRegressor  # noqa: PLC0415

    def convert_targets(scope: Any, operator: Any, container: Any) -> None:
        first = len(container.nodes)
        XGBoost.convert_xgboost(scope, operator, container)
        for node in container.nodes[first:]:
            _spread_targets(node)

    _classifier(XGBClassifier, "XGBoostXGBClassifier", XGBoost.convert_xgboost)
    _regressor(XGBRegressor, "XGBoostXGBRegressor", convert_targets, {})


def _classifier(kind: type, alias: str, converter: Any) -> None:
    shapes = shape_calculator.calculate_linear_classifier_output_shapes
    update_registered_converter(kind, alias, shapes, converter, options=_CLASSIFIER_OPTIONS)


def _regressor(kind: type, alias: str, converter: Any, options: dict[str, Any]) -> None:
    shapes = shape_calculator.calculate_linear_regressor_output_shapes
    update_registered_converter(kind, alias, shapes, converter, options=options)


def _spread_targets(node: onnx.NodeProto) -> None:
    """Give each tree its own target; XGBoost's converter gives them all the first.

    XGBoost grows one tree for each target in turn.
    """
    settings = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type != "TreeEnsembleRegressor" or settings["n_targets"].i < 2:
        return
    targets = [tree % settings["n_targets"].i for tree in settings["target_treeids"].ints]
    settings["target_ids"].ints[:] = targets


class _Plain:
    """A container that takes NumPy booleans for the integers that ONNX wants."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, *arguments: Any, **settings: Any) -> None:
        tracks = "nodes_missing_value_tracks_true"
        if tracks in settings:
            settings[tracks] = [int(flag) for flag in settings[tracks]]
        self._container.add_node(*arguments, **settings)


@cache
def _mend_histograms() -> None:
    """HistGradientBoosting's converter writes NumPy booleans, which new releases of ONNX refuse."""
    for kind in ("Classifier", "Regressor"):
        name = f"SklearnHistGradientBoosting{kind}"
        original = get_converter(name)
        register_converter(
            name, _mended(original), overwrite=True, options=original.get_allowed_options()
        )


@cache
def _mend_imputer() -> None:
    """ONNX Runtime has no Imputer for float64, so there it is written with Where."""
    original = get_converter("SklearnSimpleImputer")

    def converter(scope: Any, operator: Any, container: Any) -> None:
        numbers = isinstance(operator.inputs[0].type, DoubleTensorType)
        if numbers and pd.isna(operator.raw_operator.missing_values):
            _impute(scope, operator, container)
        else:
            original(scope, operator, container)

    register_converter("SklearnSimpleImputer", converter, overwrite=True)


def _impute(scope: Any, operator: Any, container: Any) -> None:
    values = concatenate_variables(scope, operator.inputs, container)
    fill, missing = scope.get_unique_variable_name("fill"), scope.get_unique_variable_name("nan")
    statistics = operator.raw_operator.statistics_
    double = onnx.TensorProto.DOUBLE
    container.add_initializer(fill, double, [1, len(statistics)], statistics.tolist())
    container.add_node("IsNaN", [values], [missing], op_version=13)
    target = operator.outputs[0].full_name
    container.add_node("Where", [missing, fill, values], [target], op_version=9)


def _mended(original: Any) -> Any:
    def converter(scope: Any, operator: Any, container: Any) -> None:
        original(scope, operator, _Plain(container))

    return converter
