"""What makes a package an MLflow model too: the `MLmodel` file and its environment files.

They are few lines, written here as text: MLflow takes seconds to import, and what it writes is
never the same twice.
"""

from __future__ import annotations

import importlib.metadata
import json
import uuid
from pathlib import Path

from interlock.package.manifest import Manifest
from interlock.package.reader import MLMODEL
from interlock.signature import mlflow
from interlock.signature.schema import Signature

# Strings that are not ours are quoted as JSON, which is YAML as well. Parity was proven on the
# CPU, so that is where MLflow gives the same answers.
_MODEL = """\
flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_session_options: null
    onnx_version: {onnx}
    providers:
    - CPUExecutionProvider
  python_function:
    data: model.onnx
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.onnx
    python_version: {python}
metadata:
  interlock:
    name: {name}
    version: {version}
mlflow_version: {mlflow}
model_uuid: {uuid}
signature:
  inputs: {inputs}
  outputs: {outputs}
  params: null
utc_time_created: {created}
"""
_VIRTUALENV = """\
python: {python}
build_dependencies:
- pip
- setuptools
- wheel
dependencies:
- -r requirements.txt
"""
_CONDA = """\
name: mlflow-env
channels:
- conda-forge
dependencies:
- python={python}
- pip
- pip:
{pip}
"""
_NAMESPACE = uuid.UUID("0d0c3a52-8f0b-5c53-9a4e-2a5f6b7c8d90")


def write(root: Path, manifest: Manifest, signature: Signature, graph_sha256: str) -> None:
    """Write `MLmodel`, `requirements.txt`, `python_env.yaml` and `conda.yaml` into `root`."""
    versions = _versions()
    identity = f"{manifest.name}:{manifest.version}:{graph_sha256}"
    facts = {
        "onnx": versions["onnx"],
        "python": manifest.libraries["python"],
        "name": manifest.name,
        "version": manifest.version,
        "mlflow": versions.get("mlflow") or versions["mlflow-skinny"],
        # Not a random one: the same package has the same bytes.
        "uuid": uuid.uuid5(_NAMESPACE, identity).hex,
        "created": manifest.created,
        **mlflow.document(signature),
    }
    quoted = {key: json.dumps(fact, ensure_ascii=False) for key, fact in facts.items()}
    pins = [f"{name}=={version}" for name, version in versions.items()]
    python = manifest.libraries["python"]
    texts = {
        MLMODEL: _MODEL.format(**quoted),
        "requirements.txt": "\n".join(pins) + "\n",
        "python_env.yaml": _VIRTUALENV.format(python=python),
        "conda.yaml": _CONDA.format(python=python, pip="\n".join(f"  - {pin}" for pin in pins)),
    }
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")


def _versions() -> dict[str, str]:
    """Installed versions of what MLflow needs to load and run a graph."""
    found = {}
    for name in ("mlflow", "mlflow-skinny", "numpy", "onnx", "onnxruntime", "pandas"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
