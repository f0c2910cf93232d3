"""What makes a row that row, whatever file it came from."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from interlock.data import identity
from interlock.package import sample

FRAME = pd.DataFrame(
    {
        "age": [61, 48, 35],
        "dose": np.array([0.1, -0.0, np.nan], np.float32),
        "plan": ["a", None, "ö"],
        "id": [2**53, 2**53 + 1, -(2**62)],
        "smokes": [True, False, True],
    }
)


def hashes(columns: Any) -> list[int]:
    """Hashes as a list that can be compared."""
    found: list[int] = identity.hashes(columns).tolist()
    return found


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_rows_are_the_same_from_every_kind_of_file(suffix: str, tmp_path: Path) -> None:
    """Parquet keeps types, CSV and JSON guess them anew: the rows are what they were."""
    file = tmp_path / f"rows.{suffix}"
    records = FRAME.astype(object).where(FRAME.notna(), None).to_dict("records")
    writers: dict[str, Any] = {
        "csv": lambda: FRAME.to_csv(file, index=False),
        "parquet": lambda: FRAME.to_parquet(file),
        "json": lambda: file.write_text(json.dumps(records)),
    }
    writers[suffix]()
    assert hashes(sample.read(file)) == hashes(FRAME)


@pytest.mark.parametrize(
    "other",
    [
        FRAME[FRAME.columns[::-1]],
        FRAME.astype({"age": "float32", "dose": "float64", "plan": "category"}),
        FRAME.astype({"age": "Int64", "plan": "string", "smokes": "int8", "id": object}),
        FRAME.fillna({"plan": ""}),
        {name: FRAME[name].tolist() for name in FRAME},
    ],
)
def test_types_and_the_order_of_columns_do_not_matter(other: Any) -> None:
    """The same values under the same names are the same row; missing text is empty text."""
    assert hashes(other) == hashes(FRAME)


@pytest.mark.parametrize(
    "other",
    [
        FRAME.rename(columns={"age": "years"}),
        FRAME.assign(age=FRAME["age"] + 1),
        FRAME.assign(dose=FRAME["dose"].fillna(1.0) + np.float32(1e-6)),
        FRAME.assign(plan=["b", "c", "o"]),
        FRAME.assign(id=FRAME["id"] + 2),
        FRAME.assign(smokes=~FRAME["smokes"]),
        FRAME.drop(columns="smokes"),
    ],
)
def test_any_other_value_or_name_makes_other_rows(other: pd.DataFrame) -> None:
    """Every row is another then."""
    assert not set(hashes(other)) & set(hashes(FRAME))


def test_whole_numbers_beyond_the_exact_floats_are_told_apart() -> None:
    """Identifiers of 60 bits that one float stands for are different rows."""
    assert len(set(hashes({"id": 2**60 + np.arange(1000)}))) == 1000
    assert hashes({"id": np.array([2**60])}) == hashes({"id": np.array([2.0**60])})
    assert hashes({"id": np.array([2**64 - 1], np.uint64)}) == hashes({"id": [2**64 - 1]})


@settings(deadline=None)
@given(nps.arrays(np.float32, st.integers(1, 50), elements=st.floats(width=32)))
def test_a_float32_is_the_decimal_that_people_write_for_it(values: np.ndarray[Any, Any]) -> None:
    """Written to CSV and read as float64, or only made a float64, it is the same value."""
    written = io.StringIO()
    pd.DataFrame({"x": values}).to_csv(written, index=False)
    read = pd.read_csv(io.StringIO(written.getvalue()), float_precision="round_trip")
    # Beyond these a float32 is a whole number, which counts as it is; or tiny.
    usual = (np.abs(values) < 2**24) & (np.abs(values) > 1e-12) | (values == 0)
    assert np.array_equal(identity.hashes(read)[usual], identity.hashes({"x": values})[usual])
    assert hashes({"x": values.astype(np.float64)}) == hashes({"x": values})


@settings(deadline=None)
@given(st.floats(-1e30, 1e30))
def test_doubles_that_differ_in_their_last_bit_are_told_apart(value: float) -> None:
    """Nothing is rounded but what a float32 was."""
    both = np.array([value, np.nextafter(value, np.inf)])
    assume(not (both.astype(np.float32) == both).any())
    assert len(set(hashes({"x": both}))) == 2


def test_times_are_the_same_in_every_unit() -> None:
    """Files keep moments in days, microseconds or nanoseconds; no time is no time."""
    days = np.array(["2026-01-31", "NaT"], "datetime64[D]")
    for unit in ("s", "ms", "us", "ns"):
        assert hashes({"t": days.astype(f"datetime64[{unit}]")}) == hashes({"t": days})


def test_tensors_count_whole_and_by_value() -> None:
    """A beat is one row whatever its dtype, and another when one sample differs."""
    beats = np.random.default_rng(0).normal(size=(3, 140)).astype(np.float32)
    assert hashes({"beat": beats}) == hashes({"beat": beats.astype(np.float64)})
    assert hashes({"beat": beats}) == hashes({"beat": beats.astype(str).astype(np.float64)})
    other = beats.copy()
    other[1, 7] += 1e-6
    same = np.equal(hashes({"beat": other}), hashes({"beat": beats}))
    assert same.tolist() == [True, False, True]


def test_hashes_that_packages_keep_never_change() -> None:
    """A package of today is read by every release to come: these very numbers stay."""
    found = [f"{one:016x}" for one in hashes(FRAME)]
    assert found == ["1d4e6ae7662f6c32", "a7ebdf996cc10365", "beb4f446873c5169"]
    assert hashes({"x": [1]}) != identity.hashes({"x": [1]}, seed=0).tolist()


def test_rows_with_fewer_digits_are_alike() -> None:
    """As float32, and rounded to 6 decimals: most of the rows where they are long, not all."""
    beats = np.random.default_rng(0).normal(size=(1000, 140))
    known = identity.likenesses({"beat": beats})
    assert (identity.likenesses({"beat": beats.astype(np.float32)}) == known).mean() > 0.95
    assert (identity.likenesses({"beat": beats.round(6)}) == known).mean() > 0.7
    assert (
        identity.hashes({"beat": beats.round(6)}) == identity.hashes({"beat": beats})
    ).sum() == 0


def test_rows_that_are_near_each_other_are_not_alike() -> None:
    """By chance no two are: with one fraction all digits count, and whole numbers always do."""
    random = np.random.default_rng(0)
    for fractions in (1, 2, 8, 32):
        rows = {"x": random.normal(size=(20_000, fractions))}
        assert len(np.unique(identity.likenesses(rows))) == 20_000
    amounts = np.full((2, 8), 0.5), np.array([123456, 123457])
    assert len(np.unique(identity.likenesses({"x": amounts[0], "n": amounts[1]}))) == 2
    tiny = {"x": np.array([[1e-30, 2e-30], [1e-30, 3e-30]])}
    assert len(np.unique(identity.likenesses(tiny))) == 2


def test_likeness_asks_neither_for_dtypes_nor_for_order() -> None:
    """Whole numbers as floats, text and what is missing, in whatever order of columns."""
    one = {"n": np.array([1, 2]), "x": np.array([0.5, np.nan]), "w": ["a", ""]}
    other = {"w": ["a", None], "x": np.array([0.5, np.nan], np.float32), "n": [1.0, 2.0]}
    assert (identity.likenesses(one) == identity.likenesses(other)).all()


@pytest.mark.parametrize(
    "kind", [repr, lambda value: Decimal(repr(value)), float, lambda value: f" {value!r} "]
)
def test_likeness_takes_for_a_number_what_reads_as_one(kind: Any) -> None:
    """Decimals, objects and text are rounded as the floats are, in one column or in all."""
    frame = pd.DataFrame(
        np.random.default_rng(0).normal(size=(200, 10)), columns=list("abcdefghij")
    )
    other = frame.map(kind).astype(object)
    known = identity.likenesses(frame)
    assert (identity.likenesses(other) == known).all()
    assert (identity.likenesses(frame.assign(c=other["c"])) == known).all()
    assert (identity.likenesses({"a": other.to_numpy()}) == identity.likenesses({"a": frame})).all()


def test_likeness_lets_text_and_long_numbers_be_what_they_are() -> None:
    """Names, what is missing, and numbers with more digits than a float has, beside numbers."""
    frame = pd.DataFrame({"x": ["0.5", "nan", "", None, "b", "12345678901234567890"]})
    other = pd.DataFrame({"x": [0.5, "inf", pd.NA, np.nan, "B", "12345678901234567891"]})
    same = identity.likenesses(frame) == identity.likenesses(other)
    assert same.tolist() == [True, False, True, True, False, False]
