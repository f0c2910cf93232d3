"""`POST /labels` on a real server: taken when on record, refused where they are wrong."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from interlock.journal import labels, segments
from interlock.journal.outcomes import outcomes
from interlock.settings import Settings
from interlock.state import database
from interlock.state.tables import LABELS

from .conftest import Running, serving

RECORD = {"beat": [0.5] * 8}
ID = "01a1fde6-1134-7512-b0aa-42533d7f090b"


@pytest.fixture(scope="module")
def server(beat_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serves the classifier of beats by two workers."""
    with serving(
        tmp_path_factory.mktemp("labels"), "--package", str(beat_package), workers=2
    ) as running:
        yield running


def settings(server: Running) -> Settings:
    """Where the server keeps its journal."""
    return Settings(home=server.output.parent)


def shipped(server: Running, count: int) -> list[Any]:
    """That many labels in the database, once they are there."""
    engine = database.connect(settings(server))
    try:
        server.wait_for(lambda: _count(engine) >= count)
        with engine.connect() as connection:
            return list(connection.execute(sa.select(LABELS).order_by(LABELS.c.arrival)))
    finally:
        engine.dispose()


def _count(engine: sa.Engine) -> int:
    if not sa.inspect(engine).has_table(LABELS.name):
        return 0
    with engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(LABELS)) or 0)


def test_labels_reach_the_database_and_join_their_predictions(
    beat_package: Path, tmp_path: Path
) -> None:
    """One by id, one by the routing key of its request; a correction holds."""
    with serving(tmp_path, "--package", str(beat_package)) as server:
        one = server.client.post("/predict", json=RECORD).json()["prediction_id"]
        keyed = {"Interlock-Key": "bed 7"}
        other = server.client.post("/predict", json=RECORD, headers=keyed).json()["prediction_id"]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
        said = [
            {"prediction_id": one, "label": "low", "source": "ann", "observed": now},
            {"key": "bed 7", "time": now, "label": "middle", "deployment": "beat"},
        ]
        answered = server.client.post("/labels", json=said)
        assert (answered.status_code, answered.json()) == (202, {"accepted": 2})
        corrected = server.client.post("/labels", json={"prediction_id": one, "label": "high"})
        assert (corrected.status_code, corrected.json()) == (202, {"accepted": 1})
        rows = shipped(server, 3)
        assert [labels.value(row.value) for row in rows] == ["low", "middle", "high"]
        engine = database.connect(settings(server))
        server.wait_for(lambda: len(outcomes(engine, "beat").rows) == 2)
        found = {row.prediction: row.truth for row in outcomes(engine, "beat").rows}
        engine.dispose()
    assert found == {one: "high", other: "middle"}
    assert not any(b"bed 7" in path.read_bytes() for path in tmp_path.rglob("*.db*"))


@pytest.mark.parametrize(
    ("said", "status", "code", "path"),
    [
        ({"prediction_id": ID, "label": "lo"}, 400, "unknown_category", "$.label"),
        (
            [{"prediction_id": ID, "label": "low"}, {"prediction_id": ID, "label": 3}],
            400,
            "wrong_type",
            "$[1].label",
        ),
        (
            {"prediction_id": ID, "label": "low", "deployment": "ecg"},
            404,
            "unknown_model",
            "$.deployment",
        ),
        (
            {"key": "a", "time": "2999-01-01T00:00:00Z", "label": "low"},
            400,
            "out_of_range",
            "$.time",
        ),
        (
            {"key": "a", "time": "0001-01-01T00:00:00+14:00", "label": "low"},
            400,
            "out_of_range",
            "$.time",
        ),
        ({"label": "low"}, 400, "malformed", "$"),
        ({"prediction_id": ID, "label": 10**400}, 400, "malformed", "$"),
        ([{"key": "a", "time": "2026-01-01T00:00:00Z", "label": 2**63}], 400, "malformed", "$[0]"),
        ([], 400, "empty_batch", None),
    ],
)
def test_labels_that_cannot_be_right_are_refused(
    server: Running, said: Any, status: int, code: str, path: str | None
) -> None:
    """The caller learns which one, and none of its companions is taken."""
    before = segments.size(settings(server).spool())
    answered = server.client.post("/labels", json=said)
    error = answered.json()["error"]
    assert (answered.status_code, error["code"], error.get("path")) == (status, code, path)
    assert segments.size(settings(server).spool()) == before


def test_labels_are_read_as_every_other_request(server: Running) -> None:
    """Only JSON, only by POST, and no more than the server takes."""
    form = server.client.post("/labels", data={"label": "low"})
    assert (form.status_code, form.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert server.client.get("/labels").status_code == 405
    large = {"prediction_id": ID, "label": "x" * (16 * 1024 * 1024)}
    assert server.client.post("/labels", json=large).status_code == 413


def test_many_labels_go_in_one_request(server: Running) -> None:
    """All of them are on record when the server says so, though they take several frames."""
    said = [{"prediction_id": ID, "label": "low", "source": str(n)} for n in range(2500)]
    answered = server.client.post("/labels", json=said)
    assert answered.json() == {"accepted": 2500}
    found = [row.source for row in shipped(server, 2500) if row.source]
    assert found == [str(number) for number in range(2500)]


def test_a_full_spool_takes_no_label(beat_package: Path, tmp_path: Path) -> None:
    """Even where answers may leave unrecorded: who sent a label can send it again."""
    with serving(
        tmp_path,
        "--package",
        str(beat_package),
        database="sqlite:////dev/null/x.db",
        journal_limit="16384",
        journal_when_full="answer",
    ) as server:
        for _ in range(300):
            assert server.client.post("/predict", json=RECORD).status_code == 200
        # More than the room that is too little for an answer.
        said = [{"prediction_id": ID, "label": "low"}] * 50
        answered = server.client.post("/labels", json=said)
        assert (answered.status_code, answered.headers.get("retry-after")) == (503, "1")
        assert answered.json()["error"]["code"] == "journal_full"


def test_a_server_without_a_journal_says_so(beat_package: Path, tmp_path: Path) -> None:
    """A label that nobody keeps is not accepted."""
    with serving(tmp_path, "--package", str(beat_package), journal="off") as server:
        answered = server.client.post("/labels", json={"prediction_id": ID, "label": "low"})
        assert answered.status_code == 503
        assert "keeps no journal" in answered.json()["error"]["message"]


def test_labels_wait_for_the_disk_where_answers_do(beat_package: Path, tmp_path: Path) -> None:
    """With sync=always a label that was accepted survives the machine, like an answer."""
    with serving(tmp_path, "--package", str(beat_package), journal_sync="always") as server:
        said = {"prediction_id": ID, "label": "low"}
        answers = [server.client.post("/labels", json={**said, "source": str(n)}) for n in range(5)]
        assert [answer.status_code for answer in answers] == [202] * 5
        assert len(shipped(server, 5)) == 5


def test_a_caller_that_leaves_early_brings_nothing_down(server: Running) -> None:
    """Half a body is no label, and the next caller is served."""
    place = server.client.base_url
    with socket.create_connection((place.host, place.port)) as half:
        head = b"POST /labels HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        half.sendall(head + b'Content-Length: 100\r\n\r\n{"label": ')
    for _ in range(4):
        answered = server.client.post("/labels", json={"prediction_id": ID, "label": "low"})
        assert answered.status_code == 202
    assert "Traceback" not in server.log()


def test_the_openapi_document_describes_labels(server: Running) -> None:
    """Whoever writes a client finds the address, the fields and the answer."""
    document = server.client.get("/openapi.json").json()
    operation = document["paths"]["/labels"]["post"]
    assert set(operation["responses"]) >= {"202", "400", "503"}
    fields = document["components"]["schemas"]["Label"]["properties"]
    assert set(fields) == set(labels.Given.__struct_fields__)
