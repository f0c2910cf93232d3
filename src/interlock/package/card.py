"""The model card for people: one Markdown page, written from the manifest and the signature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from interlock.package.bom import output_words
from interlock.package.manifest import Manifest
from interlock.signature.schema import Signature, bounds
from interlock.signature.wording import words


def markdown(
    manifest: Manifest, signature: Signature, *, examples: int, uncovered: Sequence[str | int]
) -> str:
    """The card of a package with `examples` golden examples and none of the labels `uncovered`."""
    sections = [
        f"# {manifest.name} {manifest.version}",
        manifest.description,
        _section("Intended use", manifest.intended_use or "Not stated."),
        _section("Limitations", manifest.limitations or "Not stated."),
        _section("Inputs", _inputs(signature)),
        _section("Answer", _answer(signature)),
        _section("Metrics", _metrics(manifest)),
        _section("Proof", _proof(manifest, examples, uncovered)),
        _section("Where it comes from", _origin(manifest)),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}"


def _inputs(signature: Signature) -> str:
    rows = [(field.name, words(field), field.description) for field in signature.inputs]
    policy = {
        "reject": "A value outside its range is refused.",
        "clip": "A value outside its range is set to the nearest bound, and the answer says so.",
        "flag": "A value outside its range is used as it is, and the answer says so.",
    }[signature.out_of_range]
    ranged = any(bounds(field) for field in signature.inputs)
    return _table(("input", "takes", "meaning"), rows) + (f"\n\n{policy}" if ranged else "")


def _answer(signature: Signature) -> str:
    said = output_words(signature.output)
    about = f" {signature.output.description}" if signature.output.description else ""
    return said[0].upper() + said[1:] + "." + about


def _metrics(manifest: Manifest) -> str:
    if not manifest.metrics:
        return "None were given when the package was built."
    names = list(dict.fromkeys(name for values in manifest.metrics.values() for name in values))
    told = {name: _figures(manifest.metrics, name) for name in names}
    rows = [(split, *(told[name].get(split, "") for name in names)) for split in manifest.metrics]
    return _table(("split", *names), rows)


def _figures(metrics: Mapping[str, Mapping[str, float]], name: str) -> dict[str, str]:
    """One figure of each split; counts, which are whole and over 1, without decimals."""
    found = {split: values[name] for split, values in metrics.items() if name in values}
    count = all(float(value).is_integer() for value in found.values()) and max(found.values()) > 1
    return {split: f"{value:,.0f}" if count else f"{value:.4f}" for split, value in found.items()}


def _proof(manifest: Manifest, examples: int, uncovered: Sequence[str | int]) -> str:
    lines = [f"{examples} golden examples with expected answers are in `golden.json`."]
    if uncovered:
        missing = ", ".join(str(label) for label in uncovered)
        lines.append(f"No example is answered {missing}: the model never said so on the sample.")
    if manifest.parity:
        parity = manifest.parity
        lines.append(
            f"On {parity.rows} rows the graph answered as the original model did:"
            f" {parity.labels_changed} labels changed, largest difference"
            f" {parity.largest_difference:.2g} (allowed: {parity.tolerance:g})."
        )
        if parity.ties:
            lines.append(
                f"Where the model itself finds two labels equally probable, it and the graph chose"
                f" differently on {parity.ties} rows."
            )
    return "\n".join(f"- {line}" for line in lines)


def _origin(manifest: Manifest) -> str:
    facts = {
        "version": manifest.reason,
        "built": manifest.created,
        "owner": manifest.owner,
        "license": manifest.license,
        "converted from": manifest.source,
        "architecture": manifest.architecture,
        "training data": _data(manifest),
        "rows seen": _seen(manifest),
        "code": _code(manifest),
        "parents": ", ".join(manifest.parents),
        "libraries": ", ".join(f"{name} {found}" for name, found in manifest.libraries.items()),
    }
    return _table(("fact", "value"), [(name, fact) for name, fact in facts.items() if fact])


def _data(manifest: Manifest) -> str:
    data = manifest.data
    if data is None:
        return "no fingerprint was taken"
    return f"rows: {data.rows}, columns: {len(data.columns)}, SHA-256: {data.sha256}"


def _seen(manifest: Manifest) -> str:
    """Which rows may not judge the model any more."""
    seen = manifest.seen
    if seen is None:
        return "not known: nobody can tell whether rows that judge it are fresh"
    parts = ", ".join(f"{rows:,} of {name}" for name, rows in seen.parts.items())
    groups = f", {seen.groups:,} groups by {seen.group}" if seen.group else ""
    return f"{parts}{groups}; their hashes are in `seen.bin`, and they do not judge it"


def _code(manifest: Manifest) -> str:
    code = manifest.code
    if code is None:
        return "not built in a git work tree"
    return code.revision + (" with uncommitted changes" if code.dirty else "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    # A bar or a line break in a description would end the cell.
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
