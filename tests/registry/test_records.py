"""Evidence and looks in the registry: they stay as they were written, whoever writes at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa

from interlock.errors import ConflictError, EvidenceError, RegistryError
from interlock.registry import Evidence, Registry, Version
from interlock.settings import Settings

MakePackage = Callable[..., Path]
Judge = Callable[..., list[Evidence]]


@pytest.fixture
def version(any_registry: Registry, make_package: MakePackage, name: str) -> Version:
    """A version to find something out about."""
    return any_registry.register(make_package(name))


@pytest.fixture
def holdout() -> str:
    """The digest of data that no other test looks at."""
    return f"sha256:{uuid4().hex}"


def test_evidence_comes_back_as_it_was_written(
    any_registry: Registry, version: Version, judge: Judge
) -> None:
    """Figures and all, with who recorded it; in the order of one chain."""
    written = judge(version, parity="passed", champion="failed")
    assert [one.sequence for one in written] == [1, 2]
    assert {one.actor for one in written} == {"ann"}
    found = any_registry.evidence(version.name, version.digest)
    assert list(found.values()) == written
    assert found["parity"].figures == {"low": 0.1, "by": [{"class": "normal", "rows": 3}]}
    assert found["parity"].alpha == 0.1 / 3


def test_the_last_finding_counts_and_the_first_stays(
    any_registry: Registry, version: Version, judge: Judge
) -> None:
    """Nothing that was found is lost when a gate is run again."""
    judge(version, champion="inconclusive")
    judge(version, champion="passed")
    assert any_registry.evidence(version.name, version.digest)["champion"].verdict == "passed"
    entries = any_registry._records._evidence.verified(version.name)
    assert [one.verdict for one in entries] == ["inconclusive", "passed"]
    assert any_registry.evidence(version.name, "sha256:another") == {}


def test_the_version_is_tagged_with_its_worst_verdict(
    any_registry: Registry, version: Version, judge: Judge
) -> None:
    """Of the last ones, so that MLflow's own pages show it."""

    def tag() -> str:
        client = any_registry._backend._client
        found = client.get_model_version(version.name, str(version.number))
        return str(found.tags["interlock.gates"])

    judge(version, parity="passed", champion="failed")
    assert tag() == "failed"
    judge(version, champion="inconclusive")
    assert tag() == "inconclusive"


def test_evidence_about_another_package_is_refused(
    any_registry: Registry, version: Version, judge: Judge
) -> None:
    """A version's evidence is about exactly its bytes."""
    other = msgspec.structs.replace(version, digest="sha256:other")
    with pytest.raises(ConflictError, match=r"finding of parity is about .* sha256:other"):
        judge(other, parity="passed")
    assert any_registry.evidence(version.name, "sha256:other") == {}
    assert any_registry.record([]) == []


@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET actor = 'mallory'", "DELETE FROM {}", "DROP TRIGGER {}_update"]
)
@pytest.mark.parametrize("table", ["interlock_evidence", "interlock_looks"])
def test_the_tables_only_grow(
    registry: Registry, make_package: MakePackage, table: str, statement: str
) -> None:
    """The database refuses; whoever drops its triggers breaks the chain, which is named."""
    version = registry.register(make_package())
    registry.spend("sha256:h", "champion", "a", 0.05)
    registry.record([finding(version)])
    if not statement.startswith("DROP"):
        with pytest.raises(sa.exc.DBAPIError, match=f"{table} cannot be changed, only added to"):
            execute(registry, statement.format(table))
        return
    execute(registry, statement.format(table))
    execute(registry, f"UPDATE {table} SET actor = 'mallory'")
    ask: dict[str, Callable[[], object]] = {
        "interlock_evidence": lambda: registry.evidence("ecg", version.digest),
        "interlock_looks": lambda: registry.looks("sha256:h"),
    }
    with pytest.raises(RegistryError, match=f"is broken at entry 1: .* Compare the table {table}"):
        ask[table]()


def test_tampered_evidence_allows_nothing(registry: Registry, make_package: MakePackage) -> None:
    """A verdict that was turned in the database does not let a version through."""
    version = registry.register(make_package())
    registry.record([finding(version)])
    execute(registry, "DROP TRIGGER interlock_evidence_update")
    execute(registry, "UPDATE interlock_evidence SET verdict = 'passed'")
    for ask in (
        lambda: registry.evidence("ecg", version.digest),
        lambda: registry.promote("ecg", "1.0.0", "champion"),
        lambda: registry.record([finding(version)]),
    ):
        with pytest.raises(RegistryError, match="the evidence of ecg is broken at entry 1"):
            ask()
    assert registry.resolve("ecg:1.0.0").aliases == ()


def finding(version: Version) -> Evidence:
    """A gate that failed."""
    return Evidence(
        name=version.name,
        version=version.version,
        digest=version.digest,
        gate="champion",
        verdict="failed",
        sentence="It is worse.",
        policy="sha256:p",
        needs={"champion": ["champion"]},
        run="run-1",
    )


def execute(registry: Registry, statement: str) -> None:
    """What somebody with the database's password could try."""
    with registry._database.engine.begin() as connection:
        connection.execute(sa.text(statement))


def test_the_same_test_is_one_look(any_registry: Registry, holdout: str) -> None:
    """A new key, gate or holdout is a new look; the same is not."""
    keys = ["a", "b", "a", "c", "b"]
    numbers = [any_registry.spend(holdout, "champion", key, 0.05) for key in keys]
    assert numbers == [1, 2, 1, 3, 2]
    assert any_registry.spend(holdout, "floor", "a", 0.05) == 1
    assert any_registry.spend(holdout + "0", "champion", "d", 0.05) == 1
    looks = any_registry.looks(holdout)
    assert [(one.gate, one.key, one.number) for one in looks] == [
        ("champion", "a", 1),
        ("champion", "b", 2),
        ("champion", "c", 3),
        ("floor", "a", 1),
    ]
    assert {(one.actor, one.alpha) for one in looks} == {("ann", 0.05)}


def test_a_look_at_an_alpha_that_is_none_is_refused(registry: Registry) -> None:
    """It could never be taken off the record again."""
    with pytest.raises(EvidenceError, match="not between 0 and 1"):
        registry.spend("sha256:h", "champion", "a", 1.5)
    assert registry.looks("sha256:h") == []


def test_those_who_look_at_once_all_pay(
    any_registry: Registry, settings: Settings, holdout: str
) -> None:
    """Each key has a number of its own, and one number only, however many ask at the moment."""
    any_registry.looks(holdout)

    def look(turn: int) -> tuple[str, int]:
        registry = Registry(settings)
        key = f"key {turn % 6}"
        try:
            return key, registry.spend(holdout, "champion", key, 0.05)
        finally:
            registry.close()

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(look, range(18)))
    assert sorted(number for _, number in answers) == [1, 2, 3, 4, 5, 6]
    assert set(Counter(key for key, _ in answers).values()) == {1}
    assert len(any_registry.looks(holdout)) == 6


def test_findings_that_are_recorded_at_once_are_all_there(
    any_registry: Registry, settings: Settings, version: Version
) -> None:
    """In one whole chain, each run's findings side by side."""

    def record(run: int) -> None:
        registry = Registry(settings)
        one = msgspec.structs.replace(finding(version), run=str(run))
        registry._records.record([one, one], "ann")
        registry.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, range(8)))
    runs = [one.run for one in any_registry._records._evidence.verified(version.name)]
    assert runs[::2] == runs[1::2]
    assert len(set(runs)) == 8


def test_reports_are_kept_with_the_version(
    any_registry: Registry, version: Version, tmp_path: Path
) -> None:
    """Among the artefacts of its run, beside the package, which stays as it was registered."""
    report = tmp_path / "report"
    (report / "plots").mkdir(parents=True)
    (report / "report.json").write_text("{}")
    (report / "plots" / "champion.svg").write_text("<svg/>")
    any_registry.attach(version, report, "gates/run-1")
    client = any_registry._backend._client
    listed = {one.path for one in client.list_artifacts(version.run, "gates/run-1")}
    assert listed == {"gates/run-1/report.json", "gates/run-1/plots"}
    assert any_registry.pull(f"{version}").is_dir()
