"""Tests of the model. They build its package in a temporary directory and need no server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from interlock import package
from interlock.engine import Session
from interlock.errors import MissingFieldError
from interlock.signature.answers import reader
from interlock.signature.records import Decoder
from interlock.train.fitted import fit
from interlock.train.job import Job
from interlock.train.packaging import build

HERE = Path(__file__).parent
RECORD = json.loads((HERE / "record.json").read_text())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> package.Package:
    job = Job.read(HERE / "interlock.toml")
    return build(job, fit(job, {}), out=tmp_path_factory.mktemp("dist") / "model")


def answer(built: package.Package, record: dict[str, Any]) -> dict[str, Any]:
    """What the server would answer: decoded, run and read in the same way."""
    feed = Decoder(built.signature).decode(json.dumps(record).encode()).feed
    outputs = Session(built.graph_path, built.signature).run(feed)
    return reader(built.signature.output)(outputs)[0]


def test_package_is_whole(built: package.Package) -> None:
    """Every file is the one that was packaged."""
    assert package.verify(built.path).digest == built.digest


def test_model_is_better_than_the_baseline(built: package.Package) -> None:
    """On rows that it has not seen it beats always answering the most frequent class."""
    figures = built.manifest.metrics["test"]
    assert figures["accuracy"] > figures["majority_accuracy"] + 0.2


def test_record_is_answered(built: package.Package) -> None:
    """A known malignant tumour is called malignant."""
    assert answer(built, RECORD)["label"] == "malignant"


def test_record_without_a_column_is_refused(built: package.Package) -> None:
    """A record that lacks a measurement is an error that names it, not a guess."""
    record = {name: value for name, value in RECORD.items() if name != "radius"}
    with pytest.raises(MissingFieldError, match="radius"):
        answer(built, record)
