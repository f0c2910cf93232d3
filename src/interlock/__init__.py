"""Interlock: takes a trained machine-learning model to production and keeps it good there."""

import os

__version__ = "0.1.0"

# Nobody asked the user whether usage data may be sent. Both libraries read this when they are first
# imported, which any of our modules can bring about, so it stands in front of all of them. ONNX
# Runtime would also start a thread and keep a database open, in a server that is about to fork.
for _variable, _off in (("ORT_DISABLE_TELEMETRY", "1"), ("MLFLOW_DISABLE_TELEMETRY", "true")):
    os.environ.setdefault(_variable, _off)
