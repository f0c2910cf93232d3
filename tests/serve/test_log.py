"""What the server writes about failures, and what it must not write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interlock.serve.log import outline

from .conftest import serving
from .moody import record

SECRET = 987654


def test_an_outline_has_places_and_types_but_no_words() -> None:
    """Messages quote what callers sent; the way to the failure does not."""
    try:
        try:
            int(f"{SECRET}x")
        except ValueError as cause:
            raise RuntimeError(f"{SECRET} is odd") from cause
    except RuntimeError as error:
        said = outline(error)
    assert str(SECRET) not in said.replace('f"{SECRET}', "")
    assert said.index("ValueError") < said.index("RuntimeError")
    assert "test_log.py" in said


@pytest.mark.parametrize("engine", ["inline", "thread"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_failure_is_logged_without_what_the_caller_sent(
    moody_package: Path, tmp_path: Path, form: str, engine: str
) -> None:
    """The log says which model failed and where; no value and no header is in it."""
    package = ("--package", str(moody_package))
    with serving(tmp_path, *package, engine=engine, log_format=form) as server:
        headers = {"Authorization": "Bearer hush", "Cookie": "hush"}
        for body in (record(SECRET), [record(0), record(SECRET)]):
            answer = server.client.post("/predict", json=body, headers=headers)
            assert answer.status_code == 500
            assert str(SECRET) not in answer.text
            assert "Gather" not in answer.text
        server.wait_for(lambda: "the model failed" in server.log())
        log = server.log()
    assert str(SECRET) not in log
    assert "hush" not in log
    assert "while running Gather node" in log
    if form == "json":
        lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        failed = [line for line in lines if line["message"] == "the model failed"]
        assert len(failed) == 2
        assert {line["log.level"] for line in failed} == {"error"}
        assert all("session.py" in line["error.stack_trace"] for line in failed)
