"""The plain door, over a real socket."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from interlock import package
from interlock.engine import Session

from .conftest import LABELS, Running, serving


@pytest.fixture(scope="module")
def server(beat_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two workers that serve the beat model."""
    with serving(
        tmp_path_factory.mktemp("home"), "--package", str(beat_package), workers=2
    ) as running:
        yield running


def test_one_record_is_answered_by_one_object(server: Running, beat_package: Path) -> None:
    """Identification, label, confidence and probabilities are those of the packaged graph."""
    beat = np.linspace(-1, 1, 8, dtype=np.float32)
    answer = server.client.post("/predict", json={"beat": beat.tolist()}).json()
    found = package.read(beat_package)
    label, shares = Session(found.graph_path, found.signature).run({"beat": beat[None]})
    assert uuid.UUID(answer["prediction_id"]).version == 7
    assert (answer["model"], answer["version"]) == ("beat", "1.0.0")
    assert answer["label"] == label[0]
    assert answer["probabilities"] == dict(zip(LABELS, shares[0].tolist(), strict=True))
    assert answer["confidence"] == max(shares[0].tolist())


def test_a_list_is_answered_in_its_order(server: Running) -> None:
    """Each record has its own prediction id and the answer that it has alone."""
    beats = np.random.default_rng(1).normal(size=(5, 8)).tolist()
    answers = server.client.post("/predict", json=[{"beat": beat} for beat in beats]).json()
    alone = [server.client.post("/predict/beat", json={"beat": beat}).json() for beat in beats]
    assert [answer["label"] for answer in answers] == [answer["label"] for answer in alone]
    for together, single in zip(answers, alone, strict=True):
        assert together["probabilities"] == pytest.approx(single["probabilities"], abs=1e-6)
    assert len({answer["prediction_id"] for answer in answers + alone}) == 10


def test_prediction_ids_grow_with_time(server: Running) -> None:
    """UUIDv7 sorts by time, which is what makes the ids good keys."""
    ids = [
        server.client.post("/predict", json={"beat": [0.0] * 8}).json()["prediction_id"]
        for _ in range(20)
    ]
    moments = [uuid.UUID(found).int >> 80 for found in ids]
    assert moments == sorted(moments)


def test_golden_examples_get_their_recorded_answers(server: Running, beat_package: Path) -> None:
    """What the package promises is what the server says."""
    golden = package.read(beat_package).golden()
    answers = server.client.post("/predict", json=list(golden.records)).json()
    for answer, expected in zip(answers, golden.answers, strict=True):
        assert answer["label"] == expected["label"]
        assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)


@pytest.mark.parametrize("policy", ["clip", "flag"])
def test_out_of_range_follows_the_policy(beat_package: Path, tmp_path: Path, policy: str) -> None:
    """Clipped or flagged, the answer says so for the row that it happened to."""
    found = package.read(beat_package)
    built = package.build(
        found.graph_path,
        name="beat",
        sample=np.zeros((20, 8), np.float32),
        signature=found.signature,
        out_of_range=policy,  # type: ignore[arg-type]
        out=tmp_path / "package",
    )
    word = {"clip": "clipped", "flag": "out_of_range"}[policy]
    records = [{"beat": [0.0] * 8}, {"beat": [0.0] * 7 + [9.0]}, {"beat": [0.0] * 7 + [5.0]}]
    with serving(tmp_path / "home", "--package", str(built.path)) as running:
        inside, outside, edge = running.client.post("/predict", json=records).json()
    assert "flags" not in inside
    assert "flags" not in edge
    assert outside["flags"] == {"beat": word}
    same = outside["probabilities"] == pytest.approx(edge["probabilities"], abs=1e-6)
    assert same == (policy == "clip")
