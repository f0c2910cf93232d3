"""A (DictVectorizer, estimator) pair, as courses teach to save them: a Pipeline in two pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.feature_extraction import DictVectorizer
from sklearn.pipeline import Pipeline

from interlock.errors import ConversionError
from interlock.package.convert import sklearn
from interlock.package.convert.converted import Answers, Converted
from interlock.signature.schema import Output, Signature


def convert(model: Sequence[Any], signature: Signature) -> Converted:
    """The pair as one graph; see `interlock.package.convert.convert`."""
    return sklearn.convert(_pipeline(model), signature)


def reference(model: Sequence[Any], signature: Signature, sample: Any) -> Answers:
    """The pair's own answers; see `interlock.package.convert.reference`."""
    return sklearn.reference(_pipeline(model), signature, sample)


def infer_output(model: Sequence[Any]) -> Output:
    """Output of the pair's estimator."""
    return sklearn.infer_output(_pipeline(model))


def _pipeline(model: Sequence[Any]) -> Pipeline:
    """The two in a Pipeline, in whichever order they came."""
    first = sorted(model, key=lambda part: not isinstance(part, DictVectorizer))
    if len(first) != 2 or not isinstance(first[0], DictVectorizer):
        kinds = ", ".join(type(part).__name__ for part in model)
        raise ConversionError(
            f"a {type(model).__name__} of ({kinds}) is not a model; a DictVectorizer and one "
            "estimator are, and so is a Pipeline"
        )
    return Pipeline([("vectorizer", first[0]), ("model", first[1])])
