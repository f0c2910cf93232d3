"""`interlock.toml` is typed: what does not fit is refused by name, with what is allowed."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from interlock import policy
from interlock.errors import ConfigurationError, PolicyError
from interlock.package import builder
from interlock.registry import reference
from tests.policy.strategies import broken, documents, toml

FULL = """
[model]
name = "ecg"
description = "Names a heartbeat."
owner = "the clinic"
license = "Apache-2.0"
intended_use = "Demonstration."
limitations = "One patient."

[package]
tolerance = 0.001
out_of_range = "clip"
"""


def test_file_with_every_key_is_read(tmp_path: Path) -> None:
    """Each key of the file is an attribute of the policy, typed."""
    file = tmp_path / "interlock.toml"
    file.write_text(FULL)
    read = policy.read(file)
    assert read.model == policy.Model(
        name="ecg",
        description="Names a heartbeat.",
        owner="the clinic",
        license="Apache-2.0",
        intended_use="Demonstration.",
        limitations="One patient.",
    )
    assert read.package == policy.Package(tolerance=0.001, out_of_range="clip")


def test_name_alone_is_enough() -> None:
    """Everything but the name has a default; a build is strict by default."""
    read = policy.parse('[model]\nname = "ecg"')
    assert read.package == policy.Package(tolerance=1e-4, out_of_range="reject")
    assert read.model.description == ""


def test_whole_number_serves_as_a_number() -> None:
    """TOML's 0 and 1 are numbers too."""
    read = policy.parse('[model]\nname = "ecg"\n[package]\ntolerance = 0')
    assert read.package.tolerance == 0


def test_build_options_are_keywords_of_build() -> None:
    """Everything that the policy hands to a build is a keyword that the build takes."""
    taken = set(inspect.signature(builder.build).parameters) | set(builder.About.__annotations__)
    options = policy.parse(FULL).build_options()
    assert set(options) <= taken
    assert options["tolerance"] == 0.001
    assert options["owner"] == "the clinic"


def test_names_are_those_that_a_build_accepts() -> None:
    """Policy, build and registry have one rule for names."""
    longest = "a" * 100
    assert reference.parse(longest).name == longest
    assert policy.parse(f'[model]\nname = "{longest}"').model.name == longest
    with pytest.raises(ConfigurationError):
        policy.parse(f'[model]\nname = "{longest}a"')
    with pytest.raises(ConfigurationError):
        reference.parse(longest + "a")
    with pytest.raises(ConfigurationError, match="name of a model"):
        builder.build(None, name=longest + "a", sample=[1], out=Path("never"))


GATES = '"integrity", "signature", "parity", "champion", "floor", "slices", "calibration", "robu'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = 'ecg'", "model = 'ecg': write it as a table, [model]"),
        ("[model]", "model.name is missing"),
        ("[model]\nname = 'ECG 2'", "model.name = 'ECG 2'; allowed: up to 100 letters"),
        ("[model]\nname = '../ecg'", "model.name = '../ecg'; allowed: up to 100 letters"),
        ('[model]\nname = "ecg\\n"', "model.name = 'ecg\\n'; allowed: up to 100 letters"),
        ("[model]\nname = ''", "model.name = ''; allowed: up to 100 letters"),
        ("[model]\nname = 'e'\nowner = 3", "model.owner = 3; allowed: text in quotes"),
        ("[modle]", "unknown key modle; allowed at the top: model, package, data, splits, train"),
        ("package.tolerence = 1", "unknown key package.tolerence; allowed in [package]: toler"),
        ("package.tolerance = 2", "package.tolerance = 2; allowed: a number from 0 to 1"),
        ("package.tolerance = nan", "package.tolerance = nan; allowed: a number from 0 to 1"),
        ("package.tolerance = true", "package.tolerance = true; allowed: a number from 0 to 1"),
        ("package.tolerance = '1'", "package.tolerance = '1'; allowed: a number from 0 to 1"),
        ("package.out_of_range = 'warn'", '\'warn\'; allowed: "reject", "clip" or "flag"'),
        ("model.owner = 2026-01-01", "model.owner = datetime.date(2026, 1, 1); allowed: text"),
        ("data.drop = 'row'", "data.drop = 'row'; allowed: a list; each the name of a column"),
        ("data.drop = ['row', 7]", "data.drop[1] = 7; allowed: the name of a column, in quotes"),
        ("data.label = ''", "data.label = ''; allowed: the name of a column, in quotes"),
        ("splits.by = 'patient'", 'splits.by = \'patient\'; allowed: "row", "time" or "group"'),
        ("splits.seed = -1", "splits.seed = -1; allowed: a whole number from 0 to 4294967295"),
        ("splits.assign = 'random'", 'splits.assign = \'random\'; allowed: "balanced" or "hash"'),
        ("splits.seed = 1.0", "splits.seed = 1.0; allowed: a whole number from 0 to 4294967295"),
        ("train.fit = 'fit'", "train.fit = 'fit'; allowed: \"module:function\""),
        ("train.fit = ''", "train.fit = ''; allowed: \"module:function\""),
        ("tune.trials = 0", "tune.trials = 0; allowed: a whole number, 1 or more"),
        ("tune.timeout = inf", "tune.timeout = inf; allowed: seconds, 0 or more, and finite"),
        ("metrics.primary = 'f2'", "metrics.primary = 'f2'; allowed: \"\" or accuracy, f1_macro"),
        ("metrics.also = ['ece', 'f2']", "metrics.also[1] = 'f2'; allowed: accuracy, f1_macro"),
        ("gates.champion = ['floor']", "gates.champion = ['floor']: write it as a table, [gates."),
        ("gates.parity = 1", "gates.parity = 1: write it as a table, [gates.parity]"),
        ("gates.drift.limit = 1", "unknown key gates.drift; allowed in [gates]: needs, integrity"),
        (
            "gates.needs.champion = ['floor', 'drift']",
            f"gates.needs.champion[1] = 'drift'; allowed: {GATES}",
        ),
        (
            "gates.needs.staging = [['floor']]",
            "gates.needs.staging[0] = ['floor']; allowed: \"inte",
        ),
        (
            "gates.champion.alpha = 0",
            "gates.champion.alpha = 0; allowed: a number over 0 and below",
        ),
        ("gates.champion.alpha = 0.5", "gates.champion.alpha = 0.5; allowed: a number over 0 and"),
        ("gates.champion.margin = -inf", "gates.champion.margin = -inf; allowed: a number"),
        (
            "gates.floor.bounds = 0.9",
            "gates.floor.bounds = 0.9; allowed: a table of a number; by acc",
        ),
        ("gates.floor.bounds.acuracy = 0.9", "unknown gates.floor.bounds.acuracy; allowed: accur"),
        ("gates.floor.bounds.accuracy = '1'", "gates.floor.bounds.accuracy = '1'; allowed: a numb"),
        (
            "gates.floor.bounds.accuracy = 85",
            "gates.floor.bounds.accuracy = 85; allowed: a number f",
        ),
        (
            "gates.floor.bounds.mae = -1",
            "gates.floor.bounds.mae = -1; allowed: a number, 0 or more",
        ),
        (
            "gates.calibration.metric = 'mae'",
            "gates.calibration.metric = 'mae'; allowed: \"\", ece",
        ),
        ("gates.budget.size = 1.5", "gates.budget.size = 1.5; allowed: a whole number of bytes, 0"),
        (f"gates.budget.size = {10**30}", f"gates.budget.size = {10**30}; allowed: a whole numbe"),
        ("gates.budget.rate = 0", "gates.budget.rate = 0; allowed: a number over 0, up to 100000"),
        (
            "rollout.strategy = 'big-bang'",
            'rollout.strategy = \'big-bang\'; allowed: "shadow", "can',
        ),
        ("rollout.interval = 0.09", "rollout.interval = 0.09; allowed: seconds, 0.1 or more"),
        ("rollout.steps = [0.1, 1.5]", "rollout.steps[1] = 1.5; allowed: a number over 0, up to 1"),
        (
            "rollout.floor.accuracy = 85",
            "rollout.floor.accuracy = 85; allowed: a number from 0 to 1",
        ),
        ("[model", "not TOML: "),
    ],
)
def test_what_does_not_fit_is_refused_by_name(text: str, message: str, tmp_path: Path) -> None:
    """The error names the file, the key and the value, and says what is allowed."""
    if not text.startswith(("[model]", "model =", "[model\n")):
        text = f"model.name = 'ecg'\n{text}"
    file = tmp_path / "interlock.toml"
    file.write_text(text)
    with pytest.raises(PolicyError) as caught:
        policy.read(file)
    assert message in caught.value.problems[0]
    assert str(caught.value) == f"{file}: {caught.value.problems[0]}"


def test_every_problem_is_told_at_once() -> None:
    """Whoever mends a file need not run the check once for each slip."""
    text = """
    [modle]
    [splits]
    valid = 0.1
    seed = "x"
    [gates.needs]
    champion = ["robustnes", "floor", "flor"]
    [rollout]
    steps = [0.5, 0.1]
    """
    with pytest.raises(PolicyError) as caught:
        policy.parse(text, file="here.toml")
    starts = [problem.partition(";")[0] for problem in caught.value.problems]
    assert starts == [
        "unknown key modle",
        "model is missing",
        "unknown key splits.valid",
        "splits.seed = 'x'",
        "gates.needs.champion[0] = 'robustnes'",
        "gates.needs.champion[2] = 'flor'",
        "rollout.steps = [0.5, 0.1]: the last step must be 1, all of the traffic",
        "rollout.steps = [0.5, 0.1]: steps must rise, but 0.1 follows 0.5",
    ]
    assert str(caught.value).startswith("here.toml has 8 problems:\n  unknown key modle; allowed")


def test_a_problem_in_a_table_raises_no_second_one_about_what_it_should_have_said() -> None:
    """A grouping column that does not fit is not called missing as well."""
    text = "model.name = 'ecg'\nsplits.by = 'group'\ndata.group = 7"
    with pytest.raises(PolicyError) as caught:
        policy.parse(text)
    assert [problem.partition(";")[0] for problem in caught.value.problems] == ["data.group = 7"]


def test_long_values_are_cut_short_in_a_message() -> None:
    """A slip in a long text does not fill the screen."""
    with pytest.raises(PolicyError) as caught:
        policy.parse(f"model.name = '{'long ' * 200}'")
    assert len(str(caught.value)) < 250


@settings(max_examples=60, deadline=None)
@given(broken())
def test_whatever_a_file_holds_is_read_or_refused_by_name(spoiled: tuple[Any, str]) -> None:
    """No content is a traceback, and what is refused names the table that is at fault."""
    document, key = spoiled
    try:
        policy.parse(toml(document))
    except PolicyError as error:
        assert key.rpartition(".")[0].split(".")[0] in str(error)  # noqa: PT017


@settings(max_examples=60, deadline=None)
@given(documents())
def test_what_fits_is_read_as_it_is_written(document: Any) -> None:
    """Each value of a file is the value of the policy, and every other key has its default."""
    read = policy.parse(toml(document))
    defaults = policy.parse("model.name = 'ecg'")
    assert plain(read) == filled(document, plain(defaults))


def plain(read: policy.Policy) -> Any:
    """A policy as plain lists and dicts."""
    return msgspec.json.decode(msgspec.json.encode(read))


def filled(document: Any, defaults: Any) -> Any:
    """`document` with the keys that it leaves out."""
    return defaults | {
        key: filled(value, defaults[key]) if isinstance(value, dict) else value
        for key, value in document.items()
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("data.drop = ['row', 'label']", 'data.drop names "label", which is data.label'),
        ("data.drop = ['end']\ndata.event = 'end'", 'data.drop names "end", which is data.event'),
        (
            "data.time = 't'\nsplits.by = 'time'\nsplits.assign = 'hash'",
            'splits.assign = "hash" goes with splits.by = "row" or "group"',
        ),
    ],
)
def test_values_that_contradict_each_other_are_named(text: str, problem: str) -> None:
    """Each of them fits by itself, so the message names both."""
    with pytest.raises(PolicyError, match=problem):
        policy.parse(f"model.name = 'ecg'\n{text}")
    assert policy.parse("model.name = 'ecg'\ndata.group = 'g'\ndata.drop = ['g']").data.drop


def test_a_mark_at_the_beginning_is_no_content(tmp_path: Path) -> None:
    """Editors on Windows begin a file with one; the policy reads as without."""
    file = tmp_path / "interlock.toml"
    file.write_text("model.name = 'ecg'", encoding="utf-8-sig")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert policy.read(file) == policy.parse("model.name = 'ecg'")


def test_absent_file_says_how_to_get_one(tmp_path: Path) -> None:
    """Without a policy file the error names the path and the command that writes one."""
    with pytest.raises(ConfigurationError, match=r"absent\.toml; `interlock init NAME` writes"):
        policy.read(tmp_path / "absent.toml")


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are an error of the file, not a traceback."""
    file = tmp_path / "interlock.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"cannot be read: byte 0 is not UTF-8 text: save"):
        policy.read(file)
