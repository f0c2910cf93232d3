"""Sources: files of every kind, functions of the project, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from interlock.data import source
from interlock.errors import ConfigurationError, EvidenceError

from .policies import written

FRAME = pd.DataFrame(
    {
        "age": [61, 48, 35],
        "sex": ["f", "m", None],
        "site": ["north", "south", "south"],
        "when": ["2026-01-03", "2026-01-01", "2026-01-02"],
        "label": ["a", "b", "b"],
    }
)
DATA = 'source = "rows.parquet"\ntime = "when"\ndrop = ["site"]'


def test_a_file_is_found_beside_the_policy(tmp_path: Path) -> None:
    """Label, time and dropped columns leave the features; flat columns stay as slices."""
    FRAME.to_parquet(tmp_path / "rows.parquet")
    rows = source.load(written(data=DATA), tmp_path)
    assert isinstance(rows.features, pd.DataFrame)
    assert list(rows.features) == ["age", "sex"]
    assert rows.truth.tolist() == ["a", "b", "b"]
    assert set(rows.columns) == set(FRAME)
    assert rows.time is not None
    assert np.argsort(rows.time).tolist() == [1, 2, 0]
    assert rows.index.tolist() == [0, 1, 2]


def test_a_column_of_lists_is_a_tensor(tmp_path: Path) -> None:
    """Beats come as one array; the label beside them does not."""
    beats = [np.arange(3, dtype=np.float32), np.ones(3, np.float32)]
    pd.DataFrame({"beat": beats, "label": ["a", "b"]}).to_parquet(tmp_path / "rows.parquet")
    rows = source.load(written(data='source = "rows.parquet"'), tmp_path)
    assert isinstance(rows.features, dict)
    assert rows.features["beat"].shape == (2, 3)
    assert rows.features["beat"].dtype == np.float32
    assert set(rows.columns) == {"label"}


def test_a_label_of_lists_is_a_forecast(tmp_path: Path) -> None:
    """A truth with several steps is one array ``[rows, steps]``."""
    frame = pd.DataFrame({"x": [1.0, 2.0], "label": [[1.0, 2.0], [3.0, 4.0]]})
    frame.to_parquet(tmp_path / "rows.parquet")
    rows = source.load(written(data='source = "rows.parquet"'), tmp_path)
    assert rows.truth.shape == (2, 2)


def test_arrays_of_an_npz_file_are_tensors(tmp_path: Path) -> None:
    """Every array but the label is an input."""
    np.savez(tmp_path / "rows.npz", beat=np.zeros((2, 3)), label=np.array(["a", "b"]))
    rows = source.load(written(data='source = "rows.npz"'), tmp_path)
    assert isinstance(rows.features, dict)
    assert list(rows.features) == ["beat"]
    assert rows.truth.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("return pd.DataFrame({'x': [1, 2], 'label': ['a', 'b']})", ["x"]),
        ("return {'x': np.ones((2, 3)), 'label': np.array(['a', 'b'])}", ["x"]),
        ("return pd.DataFrame({'x': [1, 2]}), ['a', 'b']", ["x"]),
        ("return np.ones((2, 3)), np.array(['a', 'b'])", ["input"]),
        ("import shapes; return shapes.rows(), ['a', 'b']", ["x"]),
    ],
)
def test_a_function_of_the_project_gives_rows(body: str, names: list[str], tmp_path: Path) -> None:
    """A frame, a dict or a pair; also with a module that it imports only when it is called."""
    head = "import numpy as np\nimport pandas as pd\n\ndef load():\n    "
    (tmp_path / "train.py").write_text(f"{head}{body}\n")
    (tmp_path / "shapes.py").write_text(
        "def rows():\n    return {'x': __import__('numpy').ones(2)}"
    )
    rows = source.load(written(data='source = "train:load"'), tmp_path)
    assert list(rows.features) == names
    assert rows.truth.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("", r"\[data\] source is not set"),
        ('source = "none.parquet"', "none.parquet cannot be read: No such file"),
        ('source = "rows.parquet"\nlabel = "y"', "no column 'y', which data.label names; it has"),
        ('source = "rows.parquet"\ngroup = "who"', "no column 'who', which data.group names"),
        ('source = "rows.parquet"\ndrop = ["who"]', "no column 'who', which data.drop names"),
        ('source = "rows.parquet"\ntime = "site"', "data.time holds no times"),
        ('source = "nowhere:rows"', "there is no module 'nowhere' in"),
        (
            'source = "rows.parquet"\ndrop = ["age", "sex", "site", "when"]',
            "no column is left to learn from",
        ),
    ],
)
def test_a_source_that_does_not_fit_is_refused_by_name(
    data: str, complaint: str, tmp_path: Path
) -> None:
    """The message says which key and what there is."""
    FRAME.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ConfigurationError, match=complaint):
        source.load(written(data=data), tmp_path)


def test_mixed_columns_are_refused(tmp_path: Path) -> None:
    """Arrays and single values do not go into one model; the message says which are which."""
    pd.DataFrame({"beat": [[1.0], [2.0]], "age": [1, 2], "label": ["a", "b"]}).to_parquet(
        tmp_path / "rows.parquet"
    )
    with pytest.raises(ConfigurationError, match="beat hold arrays and age single values"):
        source.load(written(data='source = "rows.parquet"'), tmp_path)


@pytest.mark.parametrize("column", ["label", "when"])
def test_rows_without_truth_or_time_are_named(column: str, tmp_path: Path) -> None:
    """A missing label or time is an error with the numbers of the rows."""
    changed = FRAME.assign(**{column: [FRAME[column][0], None, None]})
    changed.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(EvidenceError, match=f"{column} is missing in 2 rows: 1, 2"):
        source.load(written(data=DATA), tmp_path)


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (["2026-01-03", "soon", "2026-01-02"], r"data\.time holds no times: 'soon' in row 1;"),
        (["2026-01-03", "2026-13-01", "2026-01-02"], "'2026-13-01' in row 1"),
    ],
)
def test_a_text_that_is_no_time_is_named_with_its_row(
    times: list[str], told: str, tmp_path: Path
) -> None:
    """In our own words, not in those of the library that reads times."""
    FRAME.assign(when=times).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ConfigurationError, match=told) as caught:
        source.load(written(data=DATA), tmp_path)
    assert "format" not in str(caught.value)
    assert str(caught.value).endswith("write them as 2026-01-31T12:00")


@pytest.mark.parametrize("key", ["label", "group"])
def test_text_and_numbers_in_one_column_are_refused(key: str, tmp_path: Path) -> None:
    """Nobody knows whether 7 and "7" are the same patient."""
    (tmp_path / "train.py").write_text(
        "import numpy as np\nimport pandas as pd\n\ndef load():\n"
        "    who = np.array([7, '7', 'b'], object)\n"
        "    return pd.DataFrame({'x': [1, 2, 3], 'who': who, 'label': ['a', 'b', 'b']})\n"
    )
    policy = written(data=f'source = "train:load"\n{key} = "who"')
    with pytest.raises(ConfigurationError, match=rf"data\.{key} \(who\) holds text and other"):
        source.load(policy, tmp_path)


def test_tensors_of_text_are_refused_by_name(tmp_path: Path) -> None:
    """Arrays by name are tensors of numbers; the message says what to do with others."""
    np.savez(tmp_path / "rows.npz", beat=np.zeros((2, 3)), who=["ann", "bob"], label=["a", "b"])
    with pytest.raises(ConfigurationError, match=r"who holds <U3 and not numbers: .* data\.drop"):
        source.load(written(data='source = "rows.npz"'), tmp_path)
    dropped = source.load(written(data='source = "rows.npz"\ndrop = ["who"]'), tmp_path)
    assert list(dropped.features) == ["beat"]


@pytest.mark.parametrize("seen", [[1, 0, 1], [True, False, True]])
def test_ends_are_true_or_false(seen: list[object], tmp_path: Path) -> None:
    """Ones and zeros, or truths, say whether an end was seen; words do not."""
    policy = written(data='source = "rows.parquet"\nlabel = "age"\nevent = "seen"')
    FRAME.assign(seen=seen).to_parquet(tmp_path / "rows.parquet")
    rows = source.load(policy, tmp_path)
    assert rows.event is not None
    assert rows.event.tolist() == [True, False, True]
    FRAME.assign(seen=["yes", "no", "yes"]).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ConfigurationError, match=r"data\.event holds more than true and false"):
        source.load(policy, tmp_path)


def test_what_a_function_gives_must_be_rows(tmp_path: Path) -> None:
    """Anything else is named by its type."""
    (tmp_path / "train.py").write_text("def load():\n    return 7\n")
    with pytest.raises(ConfigurationError, match="gave a int: expected a DataFrame"):
        source.load(written(data='source = "train:load"'), tmp_path)
