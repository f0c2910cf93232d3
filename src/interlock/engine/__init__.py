"""Inference by ONNX Runtime: sessions, the measurement that places them, natural batching."""

from interlock.engine.batching import Batcher
from interlock.engine.measure import Measurement, measure
from interlock.engine.session import Session

__all__ = ["Batcher", "Measurement", "Session", "measure"]
