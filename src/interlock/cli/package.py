"""`interlock package`: build, verify and show packages, and make keys to sign them with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer

from interlock.cli.output import Json, err, out, progress, show_json, show_rows
from interlock.errors import ConfigurationError, PackageError
from interlock.package import digest, reader, signing
from interlock.package.reader import Package
from interlock.signature.schema import Classes, OutOfRange, Signature
from interlock.signature.wording import words

app = typer.Typer(no_args_is_help=True, help="Build, verify and show packages.")

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the package.")]
_STEPS = 5


@app.command()
def build(
    model: Annotated[
        str, typer.Argument(help="ONNX file, MLflow model URI, or pickle (--trust-pickle).")
    ],
    *,
    out_dir: Annotated[Path, typer.Option("--out", help="New directory to write.")],
    sample: Annotated[
        Path, typer.Option(help="Rows as the model takes them: parquet, csv, json, npy, npz.")
    ],
    name: Annotated[str, typer.Option(help="Name; default: the file name of MODEL.")] = "",
    label: Annotated[
        list[str] | None,
        typer.Option(help="Column of the sample to leave out, such as the answer. Repeatable."),
    ] = None,
    signature: Annotated[
        Path | None, typer.Option(help="signature.json; default: inferred from the sample.")
    ] = None,
    tensor: Annotated[
        str, typer.Option(help="Take the sample as one tensor of this name, not as columns.")
    ] = "",
    labels: Annotated[
        str, typer.Option(help="Labels in the model's order: a,b,c. Default: the model's own.")
    ] = "",
    activation: Annotated[
        Literal["softmax", "sigmoid"] | None,
        typer.Option(help="What makes a network's logits probabilities."),
    ] = None,
    out_of_range: Annotated[
        OutOfRange | None, typer.Option(help="What happens to values outside their range.")
    ] = None,
    previous: Annotated[Path | None, typer.Option(help="Package that this one follows.")] = None,
    version: Annotated[str, typer.Option(help="Explicit semantic version.")] = "auto",
    bump: Annotated[
        Literal["auto", "major", "minor", "patch"],
        typer.Option(help="How much to raise the previous version; auto works it out."),
    ] = "auto",
    metrics: Annotated[
        Path | None, typer.Option(help='JSON by split: {"test": {"accuracy": 0.97}}.')
    ] = None,
    training_data: Annotated[
        Path | None, typer.Option(help="Training data, of which the fingerprint is kept.")
    ] = None,
    subject: Annotated[
        str, typer.Option(help="Input that names whom a row is about, such as a patient.")
    ] = "",
    key: Annotated[Path | None, typer.Option(help="Private key to sign with.")] = None,
    tolerance: Annotated[float, typer.Option(help="Largest difference from the model.")] = 1e-4,
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Read a pickle, which runs the code in it.")
    ] = False,
    description: Annotated[str, typer.Option(help="What the model does, for the card.")] = "",
    owner: Annotated[str, typer.Option(help="Who answers for it.")] = "",
    license: Annotated[str, typer.Option(help="License, best as an SPDX name.")] = "",  # noqa: A002
    intended_use: Annotated[str, typer.Option(help="What it is for.")] = "",
    limitations: Annotated[str, typer.Option(help="What it is not for.")] = "",
    as_json: Json = False,
) -> None:
    """Make a package of a trained model, and prove that its graph answers as the model did."""
    arguments: dict[str, Any] = {
        "name": name or Path(model).stem,
        "out": out_dir,
        "signature": _signature(signature) if signature else None,
        "tensor": tensor or None,
        "labels": _labels(labels) if labels else None,
        "activation": activation,
        "out_of_range": out_of_range,
        "previous": previous,
        "version": version,
        "bump": bump,
        "metrics": _metrics(metrics) if metrics else None,
        "subject": subject,
        "key": key,
        "tolerance": tolerance,
        "trust_pickle": trust_pickle,
        "description": description,
        "owner": owner,
        "license": license,
        "intended_use": intended_use,
        "limitations": limitations,
    }
    with _warnings(), progress("build", _STEPS) as advance:
        package = _build(
            model,
            sample,
            drop=tuple(label or ()),
            training_data=training_data,
            advance=advance,
            arguments=arguments,
        )
    _show_facts(package, as_json, title=f"built {package.name} {package.version}")


@app.command()
def verify(
    path: Directory,
    key: Annotated[
        Path | None, typer.Option(help="Public key; the package must be signed by it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every file against its digest, and the signature against a public key."""
    package = reader.verify(path, public_key=key)
    listed, _digest = digest.read_listing(path)
    unchecked = "present, not checked: give --key" if package.signed else "not signed"
    found = {
        "package": f"{package.name} {package.version}",
        "digest": package.digest,
        "files": len(listed.files),
        "signature": "holds" if key else unchecked,
    }
    if as_json:
        show_json(found)
        return
    out.print(f"{found['package']}: all {found['files']} files are as they were packaged")
    out.print(f"signature: {found['signature']}")
    out.print(f"digest: {found['digest']}")


@app.command()
def show(path: Directory, as_json: Json = False) -> None:
    """Show the essentials: version, why, inputs, answer, metrics, proof, where it comes from."""
    _show_facts(reader.read(path), as_json, title="")


@app.command()
def keygen(
    path: Annotated[Path, typer.Argument(help="File of the private key.")] = Path("interlock.key"),
    as_json: Json = False,
) -> None:
    """Make an Ed25519 key: PATH is private and stays with you, PATH.pub goes to who verifies."""
    public, fingerprint = signing.generate(path)
    found = {"private": str(path), "public": str(public), "fingerprint": fingerprint}
    if as_json:
        show_json(found)
        return
    out.print(f"private key: {path} (readable by you only; do not share it)")
    out.print(f"public key:  {public} ({fingerprint})")


def _build(
    model: str,
    sample: Path,
    *,
    drop: tuple[str, ...],
    training_data: Path | None,
    advance: Any,
    arguments: dict[str, Any],
) -> Package:
    # The converters and MLflow take seconds to import: not for `package show`.
    from interlock.package import build as build_package  # noqa: PLC0415
    from interlock.package.sample import read  # noqa: PLC0415

    if training_data is not None:
        arguments["training_data"] = read(training_data)
    rows = read(sample, drop=drop)
    return build_package(model, sample=rows, notify=lambda step: advance(1, note=step), **arguments)


def _show_facts(package: Package, as_json: bool, *, title: str) -> None:
    facts = _facts(package)
    if as_json:
        show_json(facts)
        return
    if title:
        out.print(title)
    rows = [
        {"fact": fact.replace("_", " "), "value": _words(value)} for fact, value in facts.items()
    ]
    show_rows([row for row in rows if row["value"]], as_json=False, empty="")


def _facts(package: Package) -> dict[str, Any]:
    """What a person asks first, in that order."""
    manifest = package.manifest
    return {
        "package": package.name,
        "version": package.version,
        "reason": manifest.reason,
        "description": manifest.description,
        "inputs": {field.name: words(field) for field in package.signature.inputs},
        "answer": _answer(package.signature),
        "metrics": manifest.metrics,
        "parity": msgspec.to_builtins(manifest.parity),
        "golden_examples": len(package.golden().records),
        "source": manifest.source,
        "data": msgspec.to_builtins(manifest.data),
        "seen": msgspec.to_builtins(manifest.seen),
        "code": msgspec.to_builtins(manifest.code),
        "created": manifest.created,
        "signed": package.signed,
        "digest": package.digest,
        "path": str(package.path),
    }


def _answer(signature: Signature) -> str:
    if isinstance(signature.output, Classes):
        return "one of " + ", ".join(str(label) for label in signature.output.labels)
    return type(signature.output).__name__.lower()


def _words(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return ""
        case dict():
            return "; ".join(f"{name.replace('_', ' ')} {_words(v)}" for name, v in value.items())
        case list() | tuple():
            return f"{len(value)}: " + ", ".join(str(item) for item in value[:6])
        case float():
            return f"{value:.4g}"
    return str(value)


def _signature(path: Path) -> Signature:
    return Signature.from_json(_read(path))


def _labels(text: str) -> list[str | int]:
    names = [name.strip() for name in text.split(",")]
    whole = all(name.lstrip("-").isdecimal() for name in names)
    return [int(name) for name in names] if whole else list(names)


def _metrics(path: Path) -> dict[str, dict[str, float]]:
    try:
        return msgspec.json.decode(_read(path), type=dict[str, dict[str, float]])
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path}: metrics are by split, then by name: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PackageError(f"cannot read {path}: {error.strerror}") from error


@contextmanager
def _warnings() -> Iterator[None]:
    """Shows warnings meant for users as one line each; the others are for developers."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            meant = {str(w.message): None for w in caught if issubclass(w.category, UserWarning)}
            for message in meant:
                err.print(f"warning: {message}", markup=False)
