"""Turning any trained model into one ONNX graph, with preprocessing inside."""

from __future__ import annotations

from interlock.package.convert.converted import Activation, Answers, Converted
from interlock.package.convert.pickle import PickleWarning
from interlock.package.convert.sources import convert, infer_output, load, reference

__all__ = [
    "Activation",
    "Answers",
    "Converted",
    "PickleWarning",
    "convert",
    "infer_output",
    "load",
    "reference",
]
