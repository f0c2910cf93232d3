"""`integrity`: the files are those that were packaged, and loading them runs nobody else's code."""

from __future__ import annotations

from typing import Any

from interlock import package as packages
from interlock.errors import IntegrityError
from interlock.gates import content, loading
from interlock.gates.case import Case
from interlock.gates.finding import Finding
from interlock.package import Package, digest

GATE = "integrity"


def check(case: Case) -> Finding:
    """Verify every digest and the signature, read the files for code, load in a clean process.

    Raises
    ------
    ConfigurationError
        When a signature is required, but there is no key to check it with.
    """
    try:
        package = _verified(case)
    except IntegrityError as error:
        return broken(str(error))
    figures = _facts(case, package)
    if found := content.foreign(package):
        return _refused(_listed("the package holds foreign code", found), figures, found)
    loaded = loading.load(package, case.scratch)
    if loaded.seen:
        seen = list(loaded.seen)
        return _refused(_listed("loading it ran foreign code", seen), figures, seen)
    if loaded.failure:
        return _refused(f"It does not load: {loaded.failure}", figures, [])
    return Finding(
        gate=GATE, verdict="passed", sentence=_praise(case, package, loaded), figures=figures
    )


def broken(reason: str) -> Finding:
    """The finding about a package of which a file is not the one that was packaged."""
    return _refused(f"It is not the package that was built: {reason}", {}, [])


def _verified(case: Case) -> Package:
    rules = case.policy.gates.integrity
    signed = rules.require_signature or case.challenger.signed
    key = case.folder / rules.public_key if rules.public_key and signed else None
    return packages.verify(
        case.challenger.path, public_key=key, require_signature=rules.require_signature
    )


def _facts(case: Case, package: Package) -> dict[str, Any]:
    files, package_digest = digest.read_listing(package.path)
    return {
        "digest": package_digest,
        "files": len(files.files),
        "bytes": sum(file.size for file in files.files.values()),
        "signature": _signed(case, package),
        "operators": content.operators(package.graph_path),
    }


def _signed(case: Case, package: Package) -> str:
    if not package.signed:
        return "none, and none is required"
    key = case.policy.gates.integrity.public_key
    return f"holds for {key}" if key else "there, but the policy has no key to check it with"


def _praise(case: Case, package: Package, loaded: loading.Loaded) -> str:
    files = len(digest.read_listing(package.path)[0].files)
    key = case.policy.gates.integrity.public_key
    signed = f", the signature holds for {key}" if key and package.signed else ""
    return (
        f"All {files} files are those that were packaged{signed}; it loads in a clean process and"
        f" answers its {loaded.answered} golden examples without running foreign code."
    )


def _listed(what: str, found: list[str]) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{what[0].upper()}{what[1:]}: {found[0]}{more}."


def _refused(sentence: str, figures: dict[str, Any], found: list[str]) -> Finding:
    seen = {"foreign": found} if found else {}
    return Finding(gate=GATE, verdict="failed", sentence=sentence, figures=figures | seen)
