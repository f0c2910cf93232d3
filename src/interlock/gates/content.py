"""What could run code when a package is loaded, found by reading its files, not by loading them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from interlock.package import Package
from interlock.package.reader import GRAPH, MLMODEL

DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
"""Operators of these domains are part of ONNX Runtime itself; all others come from a library."""
FOREIGN = {
    ("com.microsoft", "EPContext"): "holds a compiled program",
    ("com.microsoft", "PythonOp"): "runs Python",
}
"""Operators of those domains that carry code all the same, and why they are refused."""

RUNNABLE = {
    ".dll": "a library",
    ".dylib": "a library",
    ".joblib": "a pickle",
    ".jar": "Java code",
    ".pickle": "a pickle",
    ".pkl": "a pickle",
    ".pt": "a pickle",
    ".pth": "a pickle, or Python that starts with the interpreter",
    ".py": "Python code",
    ".pyc": "Python code",
    ".pyd": "a library",
    ".sh": "a script",
    ".so": "a library",
    ".whl": "Python code",
}
"""Suffixes of files that something would run, and what they are."""
_MAGIC = {
    b"\x7fELF": "a library or program",
    b"MZ": "a library or program",
    b"\xcf\xfa\xed\xfe": "a library or program",
    b"PK\x03\x04": "an archive",
    b"#!": "a script",
    **{bytes([0x80, protocol]): "a pickle" for protocol in range(2, 6)},
}
LOADER = "mlflow.onnx"
"""The one MLflow loader that runs nothing but the graph."""


def foreign(package: Package) -> list[str]:
    """Sentences about everything in the package that would run code of its own; [] is good."""
    return [*_files(package.path), *_graph(package.path), *_mlmodel(package.path)]


def operators(path: Path) -> dict[str, int]:
    """How many operators of each domain the graph at `path` has."""
    found: dict[str, int] = {}
    for message in _messages(_model(path)):
        if _is(message, "NodeProto"):
            domain = message.domain or "ai.onnx"
            found[domain] = found.get(domain, 0) + 1
    return found


def _files(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(root).as_posix()
        suffixes = [RUNNABLE[suffix] for suffix in path.suffixes if suffix.lower() in RUNNABLE]
        with path.open("rb") as file:
            head = file.read(4)
        kinds = suffixes + [kind for magic, kind in _MAGIC.items() if head.startswith(magic)]
        if kinds:
            yield f"{name} is {kinds[0]}"


def _graph(root: Path) -> Iterator[str]:
    model = _model(root / GRAPH)
    # Functions that the graph brings along are made of operators, which are looked at themselves.
    known = DOMAINS | {function.domain for function in model.functions}
    for message in _messages(model):
        if _is(message, "NodeProto") and message.domain not in known:
            yield f"{GRAPH} needs the operator {message.domain}.{message.op_type} of a library"
        elif _is(message, "NodeProto") and (message.domain, message.op_type) in FOREIGN:
            why = FOREIGN[message.domain, message.op_type]
            yield f"{GRAPH} has the operator {message.op_type}, which {why}"
        elif _is(message, "TensorProto") and message.external_data:
            yield from _outside(root, message)


def _outside(root: Path, tensor: Any) -> Iterator[str]:
    places = [entry.value for entry in tensor.external_data if entry.key == "location"]
    for place in places:
        if not (root / place).resolve().is_relative_to(root.resolve()):
            yield f"{GRAPH} reads weights from {place}, outside of the package"


def _mlmodel(root: Path) -> Iterator[str]:
    import yaml  # noqa: PLC0415 - comes with MLflow, which the base install has not

    try:
        document = yaml.safe_load((root / MLMODEL).read_text(encoding="utf-8"))
        flavours = dict(document["flavors"])
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError, ValueError):
        yield f"{MLMODEL} cannot be read: it is not the file that a build writes"
        return
    for name in sorted(set(flavours) - {"onnx", "python_function"}):
        yield f"{MLMODEL} has the flavour {name}, which is loaded by code of its own"
    loader = dict(flavours.get("python_function") or {}).get("loader_module", LOADER)
    if loader != LOADER:
        yield f"{MLMODEL} is loaded by {loader}, which is not {LOADER}"
    for name, flavour in flavours.items():
        for key in ("code", "python_model", "model_code_path", "artifacts"):
            if isinstance(flavour, dict) and flavour.get(key):
                yield f"{MLMODEL} names {key} of the flavour {name}: {flavour[key]}"


def _model(path: Path) -> Any:
    import onnx  # noqa: PLC0415 - no part of the base install

    return onnx.load(str(path), load_external_data=False)


def _messages(message: Any) -> Iterator[Any]:
    """`message` and every message inside it: nothing in the graph is left out."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in value if _repeated(value) else (value,):
            yield from _messages(inner)


def _repeated(value: Any) -> bool:
    return not hasattr(value, "ListFields")


def _is(message: Any, kind: str) -> bool:
    return bool(message.DESCRIPTOR.name == kind)
