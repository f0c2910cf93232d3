"""What a real server leaves in files about the people whom it answers for."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import onnx
import pytest
import sqlalchemy as sa
from onnx import TensorProto, helper

from interlock import package
from interlock.journal import seal
from interlock.journal.generation import LIFE
from interlock.journal.hashing import encoded
from interlock.settings import Secret, Settings
from interlock.signature import Integer, Number, Signature, Text, Value
from interlock.state import database
from interlock.state.tables import FAILURES, PREDICTIONS
from tests.journal.clocks import Clock

from .conftest import Running, serving

VISIT = Signature(
    inputs=(
        Number(name="age"),
        Integer(name="patient"),
        Text(name="street", sensitive="hash"),
        Text(name="diary", sensitive="omit"),
    ),
    output=Value(),
)
KEY = Secret(encoded(bytes(range(32))))


def visit(patient: int) -> dict[str, Any]:
    """A record about a patient, with words in it that can be found again."""
    return {
        "age": 61.5,
        "patient": patient,
        "street": f"street-of-{patient}",
        "diary": f"diary-of-{patient}",
    }


def model() -> onnx.ModelProto:
    """Answers the age, whatever else it is told."""
    inputs = [
        helper.make_tensor_value_info("age", TensorProto.FLOAT, ["rows"]),
        helper.make_tensor_value_info("patient", TensorProto.INT64, ["rows"]),
        helper.make_tensor_value_info("street", TensorProto.STRING, ["rows"]),
        helper.make_tensor_value_info("diary", TensorProto.STRING, ["rows"]),
    ]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["age"], ["value"])],
        "age",
        inputs,
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["rows"])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="session")
def visit_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package whose input `patient` names the subject."""
    out = tmp_path_factory.mktemp("packages") / "visit"
    sample = [visit(number) for number in range(20)]
    built = package.build(
        model(), name="visit", sample=sample, signature=VISIT, subject="patient", out=out
    )
    assert built.manifest.subject == "patient"
    return built.path


@pytest.fixture(params=[True, False], ids=["sealed", "clear"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of a server, with encryption and without."""
    fixed = {"journal_failures": "body", "journal_segment_age": "0.5", "actor": "ann"}
    return fixed | ({"master_key": KEY} if request.param else {})


@pytest.fixture
def served(home_of: Path, visit_package: Path, environment: dict[str, str]) -> Iterator[Running]:
    """The server."""
    parquet = str(home_of / "parquet")
    with serving(
        home_of, "--package", str(visit_package), workers=1, journal_parquet=parquet, **environment
    ) as running:
        yield running


@pytest.fixture
def home_of(tmp_path: Path) -> Path:
    return tmp_path / "site"


def settings(home: Path, environment: dict[str, str]) -> Settings:
    """What the server has."""
    key = environment.get("master_key")
    return Settings(
        home=home, master_key=Secret(key) if key else None, journal_parquet=home / "parquet"
    )


def rows(home: Path, table: sa.Table) -> list[Any]:
    """What has come to the database."""
    engine = database.engine(f"sqlite:///{home / 'interlock.db'}")
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table(table.name):
                return []
            return list(connection.execute(sa.select(table)))
    finally:
        engine.dispose()


def shipped(served: Running, home: Path, predictions: int) -> bool:
    """Whether so many predictions have left the spool altogether, and are in Parquet as well."""
    sinks = served.client.get("/health").json()["journal"]["sinks"]
    behind = sum(sink["lag_bytes"] for sink in sinks)
    return behind == 0 and len(rows(home, PREDICTIONS)) == predictions


def holding(home: Path, *texts: str) -> list[str]:
    """Files in which one of `texts` stands."""
    return [
        f"{path.relative_to(home)}: {text}"
        for path in home.rglob("*")
        if path.is_file()
        for text in texts
        if text.encode() in path.read_bytes()
    ]


def run(home: Path, environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """An `interlock` command with the server's settings; its exit code and all that it says."""
    given = {f"INTERLOCK_{name.upper()}": value for name, value in environment.items()}
    given |= {"INTERLOCK_HOME": str(home), "INTERLOCK_JOURNAL_PARQUET": str(home / "parquet")}
    done = subprocess.run(
        [sys.executable, "-m", "interlock.cli", *arguments],
        env={**os.environ, **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_names_and_sensitive_fields_stand_in_no_file(
    served: Running, home_of: Path, environment: dict[str, str]
) -> None:
    """Neither in spool, SQL, Parquet, status or log; what is not sensitive can be read again."""
    headers = {"Interlock-Key": "key-of-ann", "Interlock-Subject": "subject-of-ann"}
    for patient in (471100, 471200):
        done = served.client.post("/predict", json=visit(patient), headers=headers)
        assert done.status_code == 200
    bad = {**visit(471300), "age": "body-of-ann"}
    assert served.client.post("/predict", json=bad, headers=headers).status_code == 400
    secrets = ("key-of-ann", "subject-of-ann", "street-of-4711", "diary-of-", "body-of-ann")
    assert holding(home_of, *secrets) == []
    served.wait_for(lambda: shipped(served, home_of, 2))
    assert holding(home_of, *secrets) == []
    opener = seal.opener(settings(home_of, environment))
    for row in rows(home_of, PREDICTIONS):
        sealed = row.payload != (opener.open(row.seal, row.id, row.payload) or b"")
        assert sealed == ("master_key" in environment)
        text = opener.open(row.seal, row.id, row.payload)
        assert text is not None
        inputs, answer, _flags = msgspec.msgpack.decode(text)
        assert inputs.keys() == {"age", "patient", "street"}
        assert (inputs["age"], answer["value"]) == (61.5, 61.5)
        assert isinstance(inputs["patient"], str)
    opener.close()
    (failure,) = rows(home_of, FAILURES)
    assert failure.body is None


def test_a_subject_is_erased_while_the_server_runs(
    served: Running, home_of: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """By the value of the input that names it; the others stay, and the server goes on."""
    for patient in (471100, 471200, 471100):
        assert served.client.post("/predict", json=visit(patient)).status_code == 200
    served.wait_for(lambda: shipped(served, home_of, 3))
    copy = tmp_path / "copy.db"
    source = database.engine(f"sqlite:///{home_of / 'interlock.db'}")
    with source.connect() as connection:
        connection.execute(sa.text(f"ATTACH '{copy}' AS copy"))
        connection.execute(sa.text(f"CREATE TABLE copy.p AS SELECT * FROM {PREDICTIONS.name}"))
        connection.commit()
    source.dispose()
    waiting = served.client.post("/predict", json=visit(471100)).json()["prediction_id"]
    code, said = run(home_of, environment, "erase", "471100", "--reason", "asked", "--wait", "30")
    assert code == 0, said
    sealed = "master_key" in environment
    assert "predictions: " in said
    assert ("erased keys: 1" in said) == sealed
    assert ("it was written in clear" in said) == (not sealed)
    after = served.client.post("/predict", json=visit(471200)).json()["prediction_id"]
    served.wait_for(lambda: shipped(served, home_of, 2))
    left = {row.id for row in rows(home_of, PREDICTIONS)}
    assert after in left
    assert waiting not in left
    engine = database.engine(f"sqlite:///{copy}")
    with engine.connect() as connection:
        before = connection.execute(sa.text("SELECT id, seal, payload FROM p")).all()
    engine.dispose()
    opener = seal.opener(settings(home_of, environment))
    opened = [row.id for row in before if opener.open(row.seal, row.id, row.payload) is not None]
    opener.close()
    assert len(before) == 3
    assert len(opened) == (1 if sealed else 3)
    code, said = run(home_of, environment, "audit", "list")
    assert code == 0
    assert "asked" in said
    assert "471100" not in said
    assert run(home_of, environment, "audit", "verify")[0] == 0


def test_the_wrong_master_key_keeps_the_server_from_starting(
    home_of: Path, visit_package: Path
) -> None:
    """It says which key it takes before anybody is answered."""
    with serving(home_of, "--package", str(visit_package), master_key=KEY) as running:
        assert running.client.post("/predict", json=visit(1)).status_code == 200
    other = encoded(bytes(32))
    arguments = ("serve", "--package", str(visit_package), "--port", "0", "--workers", "1")
    code, said = run(home_of, {"master_key": other}, *arguments)
    assert code == 3
    assert "wrong master key: 1 data keys are wrapped by" in said
    code, said = run(home_of, {}, *arguments)
    assert code == 3
    assert "payloads are encrypted here" in said


def test_who_comes_back_is_on_record_though_the_clock_was_set_back(
    home_of: Path,
    visit_package: Path,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was answered after an erasure is told from what was answered before by no clock."""
    arguments = ("--package", str(visit_package))
    with serving(home_of, *arguments, workers=1, **environment) as running:
        before = running.client.post("/predict", json=visit(1)).json()["prediction_id"]
        code, said = run(home_of, environment, "erase", "1")
        assert code == 0, said
    clock = Clock(tmp_path / "clock")
    with monkeypatch.context() as changed:
        for name, value in clock.environment.items():
            changed.setenv(name, value)
        clock.shift(-1)
        with serving(home_of, *arguments, workers=1, drain="1", **environment) as running:
            after = [
                running.client.post("/predict", json=visit(one)).json()["prediction_id"]
                for one in (1, 2)
            ]
    # The library breaks the shipper's sleeping: this server ships what that one has left.
    with serving(home_of, *arguments, workers=1, **environment) as running:
        running.stop()
    found = {row.id for row in rows(home_of, PREDICTIONS)}
    assert found >= set(after)
    assert before not in found


def test_a_key_store_that_is_put_back_under_a_running_server_is_noticed(
    home_of: Path, visit_package: Path
) -> None:
    """The worker would go on sealing with keys that nobody has any more."""
    store = home_of / "keys"
    with serving(home_of, "--package", str(visit_package), workers=1, master_key=KEY) as running:
        assert running.client.post("/predict", json=visit(1)).status_code == 200
        kept = home_of / "kept"
        shutil.copytree(store, kept)
        for file in store.glob("keys.db*"):
            file.unlink()
        for file in kept.glob("keys.db*"):
            shutil.copy(file, store)
        time.sleep(LIFE + 0.1)
        assert running.client.post("/predict", json=visit(2)).status_code == 503
        time.sleep(LIFE + 0.1)
        assert running.client.post("/predict", json=visit(2)).status_code == 200
        assert running.client.post("/predict", json=visit(3)).status_code == 200
        running.stop()
    opener = seal.opener(Settings(home=home_of, master_key=Secret(KEY)))
    found = rows(home_of, PREDICTIONS)
    assert len(found) == 3
    assert all(opener.open(row.seal, row.id, row.payload) for row in found)
    opener.close()


def test_a_rotation_goes_on_under_a_running_server(home_of: Path, visit_package: Path) -> None:
    """Started with both keys it seals and opens all the time; afterwards the new one is enough."""
    new = encoded(bytes(reversed(range(32))))
    with serving(home_of, "--package", str(visit_package), master_key=KEY) as running:
        assert running.client.post("/predict", json=visit(1)).status_code == 200
    both = {"master_key": f"{new} {KEY}"}
    with serving(home_of, "--package", str(visit_package), workers=1, **both) as running:
        assert running.client.post("/predict", json=visit(2)).status_code == 200
        code, said = run(home_of, both, "keys", "rotate")
        assert (code, said.split(" data keys")[0]) == (0, "1"), said
        assert running.client.post("/predict", json=visit(1)).status_code == 200
        assert running.client.post("/predict", json=visit(3)).status_code == 200
    opener = seal.opener(Settings(home=home_of, master_key=Secret(new)))
    found = rows(home_of, PREDICTIONS)
    assert len(found) == 4
    assert all(opener.open(row.seal, row.id, row.payload) for row in found)
    opener.close()


@pytest.mark.parametrize(("when_full", "status"), [("refuse", 503), ("answer", 200)])
def test_a_key_store_that_breaks_never_means_clear_text(
    home_of: Path, visit_package: Path, when_full: str, status: int
) -> None:
    """As with a full spool: refused, or answered and counted; what is on record is sealed."""
    arguments = ("--package", str(visit_package))
    with serving(home_of, *arguments, master_key=KEY, journal_when_full=when_full) as running:
        assert running.client.post("/predict", json=visit(1)).status_code == 200
        with closing(sqlite3.connect(home_of / "keys" / "keys.db")) as store:
            # Whoever opens the store anew would make a table that is gone, but not mend this.
            store.execute("DROP TABLE interlock_key_state")
            store.execute("CREATE VIEW interlock_key_state AS SELECT 1 AS other")
        time.sleep(LIFE + 0.1)
        assert running.client.post("/predict", json=visit(1)).status_code == status
    (row,) = rows(home_of, PREDICTIONS) or [None]
    assert row is None or row.seal is not None
