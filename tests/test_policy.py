"""`interlock.toml` is typed: what does not fit is refused by name, with what is allowed."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from interlock import policy
from interlock.errors import ConfigurationError
from interlock.package import builder
from interlock.registry import reference

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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "model is missing"),
        ("[model]", "model.name is missing"),
        ("model = 'ecg'", "model = 'ecg': write it as a table, [model]"),
        ("[modle]", "unknown key modle; allowed at the top: model, package"),
        ("[package]\ntolerence = 1", "unknown key package.tolerence; allowed in [package]: tol"),
        ("[model]\nname = 'ECG 2'", "model.name = 'ECG 2'; allowed: up to 100 letters"),
        ("[model]\nname = '../ecg'", "model.name = '../ecg'; allowed: up to 100 letters"),
        ('[model]\nname = "ecg\\n"', "allowed: up to 100 letters"),
        ("[model]\nname = ''", "model.name = ''; allowed: up to 100 letters"),
        ("[model]\nname = 'e'\nowner = 3", "model.owner = 3; allowed: text in quotes"),
        ("[package]\ntolerance = 2", "package.tolerance = 2; allowed: a number from 0 to 1"),
        ("[package]\ntolerance = nan", "package.tolerance = nan; allowed: a number from 0 to 1"),
        ("[package]\ntolerance = '1'", "package.tolerance = '1'; allowed: a number"),
        ("[package]\nout_of_range = 'warn'", '\'warn\'; allowed: "reject", "clip" or "flag"'),
        ("[model", "not TOML: "),
    ],
)
def test_what_does_not_fit_is_refused_by_name(text: str, message: str, tmp_path: Path) -> None:
    """The error names the file, the key and the value, and says what is allowed."""
    if "[package]" in text:
        text = f"model.name = 'ecg'\n{text}"
    file = tmp_path / "interlock.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        policy.read(file)
    assert str(caught.value).startswith(f"{file}: {message}") or message in str(caught.value)
    assert str(file) in str(caught.value)


def test_absent_file_says_how_to_get_one(tmp_path: Path) -> None:
    """Without a policy file the error names the path and the command that writes one."""
    with pytest.raises(ConfigurationError, match=r"absent\.toml; `interlock init NAME` writes"):
        policy.read(tmp_path / "absent.toml")


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are an error of the file, not a traceback."""
    file = tmp_path / "interlock.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        policy.read(file)
