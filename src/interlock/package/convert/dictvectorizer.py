"""DictVectorizer as a graph: its own operator wants maps, so it is written out column by column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from interlock.errors import ConversionError
from interlock.package.convert import rows
from interlock.package.graph import Draft
from interlock.signature.schema import Category, Input, Signature, Text


def records(signature: Signature, sample: Any) -> list[dict[str, Any]]:
    """`sample` as the dicts that a DictVectorizer takes; missing text is left out of its dict."""
    names = set(rows.words(signature))
    return [
        {name: v for name, v in record.items() if name not in names or not pd.isna(v)}
        for record in rows.frame(signature, sample).to_dict("records")
    ]


def vector_piece(draft: Draft, vectorizer: Any, signature: Signature, element: str) -> rows.Piece:
    """Nodes that turn the inputs into the vector that `vectorizer` makes of a dict.

    A string it never saw is all zeros, as in the original.

    Raises
    ------
    ConversionError
        When it was fitted on fields that the signature lacks or has as another type.
    """
    numbers = {f.name for f in signature.inputs} - set(rows.words(signature))
    tensors: list[str] = []
    places: list[int] = []
    for field in signature.inputs:
        found = _places(vectorizer, field, numbers)
        if found:
            tensors.append(_field(draft, field, list(found), element))
            places.extend(found.values())
    _check_complete(vectorizer, places)
    joined = draft.add("Concat", *tensors, axis=1)
    order = draft.constant(np.argsort(places).astype(np.int64))
    return rows.Piece(draft.add("Gather", joined, order, axis=1), element, len(places))


def _places(vectorizer: Any, field: Input, numbers: set[str]) -> dict[str, int]:
    """What of `field` the vector holds and where: its values for text, itself for a number."""
    vocabulary: dict[str, int] = vectorizer.vocabulary_
    if not isinstance(field, Category | Text):
        return {field.name: vocabulary[field.name]} if field.name in vocabulary else {}
    prefix = field.name + vectorizer.separator
    return {
        key.removeprefix(prefix): place
        for key, place in vocabulary.items()
        if key.startswith(prefix) and key not in numbers
    }


def _field(draft: Draft, field: Input, values: list[str], element: str) -> str:
    if not isinstance(field, Category | Text):
        return draft.reshape(draft.cast(field.name, element), -1, 1)
    shares = draft.add(
        "OneHotEncoder", field.name, domain="ai.onnx.ml", cats_strings=values, zeros=1
    )
    return draft.cast(shares, element)


def _check_complete(vectorizer: Any, places: list[int]) -> None:
    lacking = set(range(len(vectorizer.vocabulary_))) - set(places)
    if lacking:
        names = [vectorizer.feature_names_[place] for place in sorted(lacking)]
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise ConversionError(
            f"the DictVectorizer was fitted on {shown}, which the signature lacks or has as "
            "another type (text makes name=value, a number just its name)"
        )
