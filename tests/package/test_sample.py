from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from interlock.errors import ConfigurationError
from interlock.package.sample import read

FRAME = pd.DataFrame({"age": [61, 48], "plan": ["a", "b"], "label": ["yes", "no"]})


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_a_table_is_read_without_its_label(tmp_path: Path, suffix: str) -> None:
    """The same frame comes out of every table format."""
    path = tmp_path / f"rows.{suffix}"
    match suffix:
        case "parquet":
            FRAME.to_parquet(path)
        case "csv":
            FRAME.to_csv(path, index=False)
        case "json":
            path.write_text(json.dumps(FRAME.to_dict(orient="records")))
    pd.testing.assert_frame_equal(read(path, drop=("label",)), FRAME[["age", "plan"]])


def test_a_column_of_lists_is_a_tensor(tmp_path: Path) -> None:
    """Signals in a Parquet file become an array with a row each; so do those in JSON."""
    beats = np.arange(6, dtype=np.float32).reshape(2, 3)
    frame = pd.DataFrame({"beat": list(beats), "label": [0, 1]})
    frame.to_parquet(tmp_path / "rows.parquet")
    frame.to_json(tmp_path / "rows.json", orient="records")
    for name in ("rows.parquet", "rows.json"):
        found = read(tmp_path / name, drop=("label",))
        np.testing.assert_array_equal(found["beat"], beats)


@pytest.mark.parametrize(
    ("content", "shape"), [([[1, 2], [3, 4], [5, 6]], (3, 2)), ({"x": [[1, 2], [3, 4]]}, (2, 2))]
)
def test_json_arrays_are_arrays(tmp_path: Path, content: Any, shape: tuple[int, ...]) -> None:
    """A list of lists is one array, an object of lists an array each."""
    (tmp_path / "rows.json").write_text(json.dumps(content))
    found = read(tmp_path / "rows.json")
    array = found["x"] if isinstance(found, dict) else found
    assert array.shape == shape


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json", "npy", "npz"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, suffix: str) -> None:
    """The message has the path once, the reason in words, and no number of the system's."""
    path = tmp_path / f"nowhere.{suffix}"
    with pytest.raises(ConfigurationError) as caught:
        read(path)
    assert str(caught.value) == f"{path} cannot be read: No such file or directory"


def test_numpy_files_are_arrays(tmp_path: Path) -> None:
    """An npy file is one array, an npz file a dict of them."""
    np.save(tmp_path / "rows.npy", np.ones((4, 2)))
    np.savez(tmp_path / "rows.npz", x=np.ones((4, 2)), label=np.zeros(4))
    assert read(tmp_path / "rows.npy").shape == (4, 2)
    assert list(read(tmp_path / "rows.npz", drop=("label",))) == ["x"]


def test_numpy_files_with_objects_are_refused(tmp_path: Path) -> None:
    """Objects in an npy file are pickles, and a sample is no place for them."""
    np.save(tmp_path / "rows.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(ConfigurationError, match=r"rows\.npy cannot be read"):
        read(tmp_path / "rows.npy")


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("rows.xlsx", "x", "use .parquet, .csv"),
        ("rows", "x", "no suffix"),
        ("rows.json", "{", r"rows\.json cannot be read"),
        ("rows.parquet", "x", r"rows\.parquet cannot be read"),
        ("rows.csv", "", r"rows\.csv cannot be read"),
        ("rows.npy", "", r"rows\.npy cannot be read"),
        ("rows.npz", "PK\3\4", r"rows\.npz cannot be read: File is not a zip file"),
        ("rows.json", "null", "cannot be read: expected a list of records"),
        ("rows.json", "3", "cannot be read: expected a list of records"),
        ("rows.json", '[{"a": 1}, 3]', "cannot be read: expected a list of records"),
        ("rows.json", '{"a": 3}', "cannot be read: expected a list of records"),
        ("rows.json", '[{"a": [1]}, {"a": [1, 2]}]', r"rows\.json cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: str, match: str
) -> None:
    """Wrong suffix and broken content are told apart."""
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigurationError, match=match):
        read(tmp_path / name)


def test_an_array_of_one_value_is_no_sample(tmp_path: Path) -> None:
    """There must be an axis of rows."""
    np.save(tmp_path / "rows.npy", np.float32(3))
    with pytest.raises(ConfigurationError, match=r"rows\.npy cannot be read: .* not rows"):
        read(tmp_path / "rows.npy")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """A slip in the path is the likeliest mistake of all."""
    with pytest.raises(ConfigurationError, match=r"absent\.csv cannot be read"):
        read(tmp_path / "absent.csv")


def test_a_label_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The message lists the columns; one array has none."""
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(ConfigurationError, match="no column 'outcome'; it has age, plan, label"):
        read(tmp_path / "rows.csv", drop=("outcome",))
    np.save(tmp_path / "rows.npy", np.ones((4, 2)))
    with pytest.raises(ConfigurationError, match="no column 'label' to drop"):
        read(tmp_path / "rows.npy", drop=("label",))
