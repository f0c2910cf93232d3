from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import ConfigurationError, VersionError
from interlock.package.manifest import Manifest
from interlock.package.semver import Level, changes, decide, parse, raised
from interlock.signature.schema import (
    Boolean,
    Category,
    Classes,
    Input,
    Integer,
    Number,
    Output,
    Signature,
    Tensor,
    Text,
    Value,
    Vector,
)

AGE = Number(name="age", minimum=0, maximum=120, unit="years")
PLAN = Category(name="plan", values=("basic", "gold"))
NOTE = Text(name="note", max_length=100)
OLD = Signature(inputs=(AGE, PLAN, NOTE), output=Classes(labels=("no", "yes")))


def manifest(**changed: Any) -> Manifest:
    """A manifest of version 1.4.2 with some things changed."""
    facts: dict[str, Any] = {
        "name": "churn",
        "version": "1.4.2",
        "created": "2026-01-01T00:00:00+00:00",
        "source": "sklearn.pipeline.Pipeline",
        "architecture": "sha256:a",
        "preprocessing": "sha256:p",
    }
    return Manifest(**(facts | changed))


def level(old: Input, new: Input) -> Level | None:
    """What changing one input asks for; None when nothing changed."""
    before, after = (Signature(inputs=(field,), output=Value()) for field in (old, new))
    return max((change.level for change in changes(before, after)), default=None)


def changed(field: Input, **fields: Any) -> Input:
    return msgspec.structs.replace(field, **fields)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (AGE, changed(AGE, minimum=18)),
        (AGE, changed(AGE, maximum=100)),
        (Number(name="age"), AGE),
        (AGE, changed(AGE, minimum=18, maximum=200)),
        (AGE, changed(AGE, unit="months")),
        (AGE, changed(AGE, dtype="float64")),
        (AGE, Integer(name="age", minimum=0, maximum=120, unit="years")),
        (changed(AGE, nullable=True), AGE),
        (Integer(name="n"), Integer(name="n", nullable=True)),
        (Boolean(name="b"), Boolean(name="b", nullable=True)),
        (PLAN, changed(PLAN, values=("basic",))),
        (PLAN, changed(PLAN, values=("basic", "plus", "extra"))),
        (PLAN, Text(name="plan")),
        (NOTE, changed(NOTE, max_length=99)),
        (Text(name="note"), NOTE),
        (Tensor(name="t", shape=(3,)), Tensor(name="t", shape=(4,))),
        (Tensor(name="t", shape=(3,)), Tensor(name="t", shape=(3, 1))),
        (Tensor(name="t", shape=(3,)), Tensor(name="t", shape=(3,), dtype="float64")),
        (Tensor(name="t", shape=(3,)), Tensor(name="t", shape=(3,), maximum=1)),
        (AGE, changed(AGE, name="years")),
    ],
)
def test_what_refuses_an_old_request_is_major(old: Input, new: Input) -> None:
    """A request that was valid before may be refused or misread now."""
    assert level(old, new) is Level.MAJOR


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (AGE, changed(AGE, minimum=-1)),
        (AGE, Number(name="age", unit="years")),
        (AGE, changed(AGE, nullable=True)),
        (PLAN, changed(PLAN, values=("basic", "gold", "plus"))),
        (PLAN, changed(PLAN, nullable=True)),
        (NOTE, changed(NOTE, max_length=101)),
        (NOTE, changed(NOTE, max_length=None)),
    ],
)
def test_what_accepts_more_is_minor(old: Input, new: Input) -> None:
    """Every old request stays valid, and there are new ones."""
    assert level(old, new) is Level.MINOR


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (AGE, changed(AGE, description="in full years")),
        (PLAN, changed(PLAN, values=("gold", "basic"))),
    ],
)
def test_what_no_caller_notices_is_no_change(old: Input, new: Input) -> None:
    """Words for people, and the order of categories, ask for nothing."""
    assert level(old, new) is None


def test_a_new_input_is_major_unless_it_may_be_null() -> None:
    """Old requests do not have it."""
    required = msgspec.structs.replace(OLD, inputs=(*OLD.inputs, Number(name="dose")))
    nullable = msgspec.structs.replace(
        OLD, inputs=(*OLD.inputs, Number(name="dose", nullable=True))
    )
    assert [change.level for change in changes(OLD, required)] == [Level.MAJOR]
    assert [change.level for change in changes(OLD, nullable)] == [Level.MINOR]


def test_the_order_of_inputs_is_nothing() -> None:
    """Inputs go by name through every door."""
    assert list(changes(OLD, msgspec.structs.replace(OLD, inputs=OLD.inputs[::-1]))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (Classes(labels=("no", "yes")), Classes(labels=("yes", "no"))),
        (Classes(labels=("no", "yes")), Classes(labels=("no", "yes", "maybe"))),
        (Classes(labels=("no", "yes")), Classes(labels=("No", "yes"))),
        (Classes(labels=(0, 1)), Classes(labels=("0", "1"))),
        (Classes(labels=("no", "yes")), Value()),
        (Value(unit="mg"), Value(unit="g")),
        (Vector(steps=("1", "2")), Vector(steps=("1", "2", "3"))),
        (Vector(steps=("1", "2"), unit="cases"), Vector(steps=("1", "2"))),
    ],
)
def test_an_answer_that_old_readers_misread_is_major(old: Output, new: Output) -> None:
    """Labels, steps, kind and unit are what readers rely on."""
    before, after = (Signature(inputs=(AGE,), output=output) for output in (old, new))
    assert [change.level for change in changes(before, after)] == [Level.MAJOR]


def test_a_stricter_policy_is_major_and_a_milder_one_minor() -> None:
    """Only `reject` refuses requests; without any range a policy means nothing."""
    reject, clip, flag = (
        msgspec.structs.replace(OLD, out_of_range=policy) for policy in ("reject", "clip", "flag")
    )
    assert [change.level for change in changes(clip, reject)] == [Level.MAJOR]
    assert [change.level for change in changes(reject, flag)] == [Level.MINOR]
    assert [change.level for change in changes(clip, flag)] == [Level.MINOR]
    bare = Signature(inputs=(PLAN,), output=Value(), out_of_range="flag")
    assert list(changes(bare, msgspec.structs.replace(bare, out_of_range="reject"))) == []


def test_without_a_previous_package_it_is_the_first() -> None:
    """1.0.0, or what is asked for."""
    assert decide(manifest(), OLD, None).version == "1.0.0"
    assert "no previous package" in decide(manifest(), OLD, None).reason
    assert decide(manifest(), OLD, None, version="0.3.0").version == "0.3.0"


def test_the_same_recipe_on_new_data_is_a_patch() -> None:
    """Only the third number moves, and the reason says why."""
    found = decide(manifest(), OLD, (manifest(), OLD))
    assert found.version == "1.4.3"
    assert found.reason == (
        "1.4.3 after 1.4.2: patch, because the recipe is the same and only what it learned differs"
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"architecture": "sha256:b"}, "the architecture of the graph changed"),
        ({"preprocessing": "sha256:q"}, "the preprocessing changed"),
        ({"preprocessing": None}, "the preprocessing changed"),
        ({"source": "lightgbm.sklearn.LGBMClassifier"}, "the model is a lightgbm"),
    ],
)
def test_another_recipe_is_minor(facts: dict[str, Any], words: str) -> None:
    """The second number moves, and the reason names what changed."""
    found = decide(manifest(**facts), OLD, (manifest(), OLD))
    assert found.version == "1.5.0"
    assert "minor, because" in found.reason
    assert words in found.reason


def test_an_incompatible_signature_outweighs_the_rest() -> None:
    """The first number moves, and only what made it so is given as the reason."""
    new = msgspec.structs.replace(OLD, inputs=(AGE, PLAN))
    found = decide(manifest(architecture="sha256:b"), new, (manifest(), OLD))
    assert found.version == "2.0.0"
    assert found.reason == "2.0.0 after 1.4.2: major, because input note is gone"


def test_a_long_list_of_reasons_is_cut_short() -> None:
    """Three reasons are read; forty are not."""
    many = Signature(inputs=tuple(Number(name=f"x{i}") for i in range(40)), output=OLD.output)
    found = decide(manifest(), many, (manifest(), OLD))
    assert "input age is gone; input plan is gone; input note is gone (and 40 more)" in found.reason


@pytest.mark.parametrize("version", ["1.4.2", "1.4.9", "1.0.0", "0.9.9"])
def test_a_version_too_low_for_its_change_is_refused(version: str) -> None:
    """The message says what the change is, why, and what would do."""
    with pytest.raises(VersionError, match=r"minor, because .* lowest .* is 1\.5\.0"):
        decide(manifest(architecture="sha256:b"), OLD, (manifest(), OLD), version=version)


@pytest.mark.parametrize("version", ["1.5.0", "1.7.3", "2.0.0", "10.0.0"])
def test_a_version_may_be_higher_than_needed(version: str) -> None:
    """People may have reasons of their own."""
    before = (manifest(), OLD)
    found = decide(manifest(architecture="sha256:b"), OLD, before, version=version)
    assert found.version == version


def test_a_bump_may_be_higher_but_not_lower_than_needed() -> None:
    """`--bump` is held to the same rule as `--version`."""
    before = (manifest(), OLD)
    assert decide(manifest(), OLD, before, bump="major").version == "2.0.0"
    with pytest.raises(VersionError, match=r"a patch bump of 1\.4\.2 is too low"):
        decide(manifest(architecture="sha256:b"), OLD, before, bump="patch")


def test_a_version_and_a_bump_together_are_refused() -> None:
    """One of them has to give way, and we do not choose."""
    with pytest.raises(ConfigurationError, match="not both"):
        decide(manifest(), OLD, (manifest(), OLD), version="2.0.0", bump="major")


def test_another_model_is_no_previous_package() -> None:
    """Versions of one model say nothing of another's."""
    with pytest.raises(ConfigurationError, match="'ecg', not 'churn'"):
        decide(manifest(), OLD, (manifest(name="ecg"), OLD))


@pytest.mark.parametrize(
    "text", ["1", "1.2", "1.2.3.4", "v1.2.3", "1.2.03", "1.2.3-rc1", "", "a.b.c"]
)
def test_what_is_no_semantic_version_is_refused(text: str) -> None:
    """Three plain numbers, nothing else."""
    with pytest.raises(VersionError, match="not a semantic version"):
        parse(text)


@given(st.tuples(*[st.integers(0, 10**6)] * 3), st.sampled_from(Level))
def test_a_raised_version_is_the_next_of_its_level(
    numbers: tuple[int, int, int], by: Level
) -> None:
    """It is higher than before, and nothing to the right of the raised number is left."""
    text = ".".join(map(str, numbers))
    after = parse(raised(text, by))
    position = 2 - by
    assert after > numbers
    assert after[:position] == numbers[:position]
    assert after[position] == numbers[position] + 1
    assert after[position + 1 :] == (0,) * (2 - position)
