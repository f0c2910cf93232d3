"""The input that names whom rows are about, on its way into the manifest."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from interlock import package
from interlock.errors import SignatureError
from interlock.package import Manifest
from interlock.signature import Integer, Number, Signature, Value

ROWS = pd.DataFrame({"age": [18.0, 30.0, 55.0, 80.0] * 5, "case": list(range(20))})
VISIT = Signature(inputs=(Number(name="age"), Integer(name="case")), output=Value())


@pytest.mark.parametrize(
    ("subject", "reason"), [("age", "cannot name the subject"), ("bed", "no input is called")]
)
def test_an_input_that_names_nobody_is_refused(subject: str, reason: str, tmp_path: Path) -> None:
    """Before anything is written."""
    model = LinearRegression().fit(ROWS, ROWS["age"])
    with pytest.raises(SignatureError, match=reason):
        package.build(
            model, name="visit", sample=ROWS, signature=VISIT, subject=subject, out=tmp_path / "p"
        )
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_says_which_input_it_is(tmp_path: Path) -> None:
    """And a package that has none is written as it was before there were subjects."""
    model = LinearRegression().fit(ROWS, ROWS["age"])
    named = package.build(
        model, name="visit", sample=ROWS, signature=VISIT, subject="case", out=tmp_path / "named"
    )
    plain = package.build(model, name="visit", sample=ROWS, signature=VISIT, out=tmp_path / "plain")
    assert package.read(named.path).manifest.subject == "case"
    assert plain.manifest.subject == ""
    assert b"subject" not in (plain.path / "manifest.json").read_bytes()
    assert Manifest.from_json((plain.path / "manifest.json").read_bytes()) == plain.manifest
