"""Building a package: convert, prove, describe, write. Everything here is build-time only."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypedDict, Unpack

import msgspec
import numpy as np

from interlock.errors import ConfigurationError
from interlock.package import (
    bom,
    card,
    convert,
    digest,
    fingerprint,
    golden,
    graph,
    mlmodel,
    optimise,
    parity,
    place,
    reader,
    semver,
    signing,
)
from interlock.package.manifest import Manifest, Parity
from interlock.package.profile import profile
from interlock.package.reader import Golden, Package
from interlock.package.seen import FILE as SEEN
from interlock.package.seen import Seen
from interlock.policy import NAME, NAME_RULE
from interlock.signature.infer import feeds, infer_inputs
from interlock.signature.schema import Classes, OutOfRange, Output, Signature
from interlock.signature.subject import check as check_subject

if TYPE_CHECKING:
    import onnx

Array: TypeAlias = np.ndarray[Any, Any]
Metrics: TypeAlias = Mapping[str, Mapping[str, float]]
Notify: TypeAlias = Callable[[str], object]

STEPS = ("read the model", "convert", "prove parity", "describe", "write")
"""What `build` notifies of, in this order."""


class About(TypedDict, total=False):
    """What only people know of a model; each is a keyword of `build`."""

    description: str
    owner: str
    license: str
    intended_use: str
    limitations: str


class _Proven(NamedTuple):
    """What the model became, the graph to package, proven to answer as it did, and its answers."""

    converted: convert.Converted
    graph: onnx.ModelProto
    parity: Parity
    feed: dict[str, Array]
    answers: dict[str, Array]
    run: golden.Run


def build(
    model: Any,
    *,
    name: str,
    sample: Any,
    out: Path,
    signature: Signature | None = None,
    output: Output | None = None,
    labels: Sequence[str | int] | None = None,
    tensor: str | None = None,
    out_of_range: OutOfRange | None = None,
    activation: convert.Activation | None = None,
    previous: Path | None = None,
    version: str = "auto",
    bump: semver.Bump = "auto",
    metrics: Metrics | None = None,
    training_data: Any = None,
    seen: Seen | None = None,
    subject: str = "",
    key: Path | None = None,
    tolerance: float = 1e-4,
    trust_pickle: bool = False,
    notify: Notify = lambda _step: None,
    **about: Unpack[About],
) -> Package:
    """Make a package of `model` in the new directory `out`.

    Parameters
    ----------
    model
        Anything that `interlock.package.convert.load` reads: an estimator, Pipeline, booster,
        PyTorch module, ONNX file, MLflow URI; a pickle file only with `trust_pickle`.
    name
        Letters, digits, ``.``, ``_`` and ``-``.
    sample
        Rows as the model takes them (DataFrame, array, dict of arrays, list of records). Parity is
        proven, the profile taken and the golden examples chosen on them: a few hundred rows that
        look like real traffic and give every label.
    signature
        Full description; where it is absent, inputs are inferred from the sample and the output
        from the model.
    output, labels
        The output when the model does not know it; `labels` is short for ``Classes(labels=...)``.
    tensor
        Take the whole sample as one tensor of this name instead of as columns.
    out_of_range
        Overrides what the signature says.
    activation
        What turns the logits of a PyTorch or ONNX network into probabilities.
    previous, version, bump
        See `interlock.package.semver`: the package that this one follows; an explicit version, or
        how much to raise the previous one.
    metrics
        By split, then by name: ``{"test": {"accuracy": 0.97}}``.
    training_data
        What the model was trained on, in any form that `sample` can have; only its fingerprint
        is kept.
    seen
        Hashes of the rows that trained or chose the model, as `interlock.data.seen.record` makes
        them: gates refuse to judge it by those.
    subject
        Input that names whom a row is about, such as a patient.
    key
        PEM file with the Ed25519 private key to sign with.
    tolerance
        Largest difference between the graph and the model that is accepted.
    notify
        Called with each of `STEPS` as it begins.

    Raises
    ------
    PackageError
        When `out` exists, or no row of the sample fits the signature. Its subclasses:
        ConversionError when the model cannot become a graph, ParityError when the graph answers
        otherwise than the model, VersionError when the version is too low for its change.
    ConfigurationError
        When an argument cannot be used, or `out` cannot be made.
    SignatureError
        When the sample is not what a signature can describe, or not what `signature` describes.
    """
    out = Path(out)
    _check_arguments(name, out, sample)
    notify(STEPS[0])
    original = convert.load(model, trust_pickle=trust_pickle)
    inferred = signature is None
    signature = signature or _inferred(original, sample, output, labels, tensor)
    if out_of_range is not None:
        signature = msgspec.structs.replace(signature, out_of_range=out_of_range)
    if subject:
        check_subject(signature, subject)
    proven = _prove(
        original, signature, sample, activation=activation, tolerance=tolerance, notify=notify
    )
    if inferred:
        _refuse_unused(proven.converted.graph, signature)
    notify(STEPS[3])
    before = reader.read(Path(previous)) if previous is not None else None
    manifest = Manifest(
        name=name,
        version=semver.FIRST,
        created=_now(),
        source=proven.converted.source,
        # Of the graph as converted: how it is made faster is no part of the recipe.
        architecture=graph.architecture(proven.converted.graph),
        preprocessing=proven.converted.preprocessing,
        data=None if training_data is None else fingerprint.data(training_data),
        seen=None if seen is None else seen.facts,
        code=fingerprint.code(),
        libraries=fingerprint.libraries(),
        metrics=_metrics(metrics or {}),
        parents=(before.digest,) if before else (),
        parity=proven.parity,
        subject=subject,
        **about,
    )
    old = (before.manifest, before.signature) if before else None
    decision = semver.decide(manifest, signature, old, version=version, bump=bump)
    manifest = msgspec.structs.replace(manifest, version=decision.version, reason=decision.reason)
    examples = golden.choose(signature, proven.feed, proven.answers, proven.run)
    notify(STEPS[4])
    with place.staged(out) as folder:
        _write(folder, manifest, signature, proven, examples)
        if seen is not None:
            (folder / SEEN).write_bytes(seen.to_bytes())
        (folder / digest.LISTING).write_bytes(digest.listing(folder).to_json())
        if key is not None:
            signing.sign(folder, Path(key))
    return reader.read(out)


def _check_arguments(name: str, out: Path, sample: Any) -> None:
    if not re.search(NAME, name):
        raise ConfigurationError(f"{name!r} cannot be the name of a model: use {NAME_RULE}")
    place.check(out)
    if _rows(sample) == 0:
        raise ConfigurationError("the sample has no rows; parity is proven on it, so give some")


def _rows(sample: Any) -> int:
    parts = list(sample.values()) if isinstance(sample, Mapping) else [sample]
    try:
        return min((len(part) for part in parts), default=0)
    except TypeError:
        raise ConfigurationError(
            f"the sample is {'None' if sample is None else 'a ' + type(sample).__name__} without "
            "rows; give a DataFrame, an array, a dict of arrays or a list of records"
        ) from None


def _inferred(
    model: Any,
    sample: Any,
    output: Output | None,
    labels: Sequence[str | int] | None,
    tensor: str | None,
) -> Signature:
    if output is not None and labels is not None:
        raise ConfigurationError("give an output or labels, not both")
    if labels is not None:
        output = Classes(labels=tuple(labels))
    shape: Any = "auto" if tensor is None else "tensors"
    return Signature(
        inputs=infer_inputs(sample, shape=shape, name=tensor or "input"),
        output=output or convert.infer_output(model),
    )


def _prove(
    model: Any,
    signature: Signature,
    sample: Any,
    *,
    activation: convert.Activation | None,
    tolerance: float,
    notify: Notify,
) -> _Proven:
    notify(STEPS[1])
    converted = convert.convert(model, signature, sample=sample, activation=activation)
    notify(STEPS[2])
    expected = convert.reference(model, signature, sample, activation=activation)
    feed = feeds(signature, sample)
    packaged = optimise.optimise(converted.graph)
    # As a worker runs it by default, so that golden answers are the ones a server gives.
    run = parity.runner(packaged, threads=1)
    answers = run(feed)
    report = parity.compare(answers, expected, tolerance=tolerance)
    return _Proven(converted, packaged, report, feed, answers, run)


def _refuse_unused(model: onnx.ModelProto, signature: Signature) -> None:
    """An inferred input that the graph never reads is most likely the answer, left in."""
    used = {name for node in graph.every_node(model.graph) for name in node.input}
    unused = [field.name for field in signature.inputs if field.name not in used]
    if unused:
        raise ConfigurationError(
            f"the model does not use {', '.join(unused)}: leave it out of the sample (--label),"
            " or give a signature that says that callers send it"
        )


def _write(
    folder: Path, manifest: Manifest, signature: Signature, proven: _Proven, examples: Golden
) -> None:
    graph_bytes = proven.graph.SerializeToString(deterministic=True)
    graph_sha256 = digest.of_bytes(graph_bytes).removeprefix("sha256:")
    uncovered = golden.uncovered(signature, examples)
    page = card.markdown(manifest, signature, examples=len(examples.records), uncovered=uncovered)
    contents = {
        reader.GRAPH: graph_bytes,
        reader.MANIFEST: manifest.to_json(),
        reader.SIGNATURE: signature.to_json(),
        reader.PROFILE: profile(signature, proven.feed, proven.answers).to_json(),
        reader.GOLDEN: msgspec.json.format(msgspec.json.encode(examples), indent=1) + b"\n",
        reader.CARD: page.encode(),
        reader.BOM: bom.document(manifest, signature, graph_sha256),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    mlmodel.write(folder, manifest, signature, graph_sha256)


def _metrics(metrics: Metrics) -> dict[str, dict[str, float]]:
    found = {
        split: {name: float(value) for name, value in values.items()}
        for split, values in metrics.items()
    }
    for split, values in found.items():
        for name, value in values.items():
            if not np.isfinite(value):
                raise ConfigurationError(f"metric {split}.{name} is {value}, not a finite number")
    return found


def _now() -> str:
    # SOURCE_DATE_EPOCH is how reproducible builds everywhere say what time it is.
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch and not epoch.isdecimal():
        raise ConfigurationError(f"SOURCE_DATE_EPOCH={epoch!r}: expected seconds since 1970")
    now = dt.datetime.fromtimestamp(int(epoch), dt.UTC) if epoch else dt.datetime.now(dt.UTC)
    return now.isoformat(timespec="seconds")
