"""Values that are right one by one may contradict each other; a policy has one digest."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock import policy
from interlock.errors import EvidenceError, PolicyError
from interlock.evidence import catalogue
from interlock.policy import fields, values

LABELS = ("normal", "r-on-t", "0.9", "a b: c")


def problems(text: str) -> list[str]:
    """What is wrong with a policy of this text."""
    with pytest.raises(PolicyError) as caught:
        policy.parse(f"model.name = 'ecg'\n{text}")
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "splits.train = 0.7",
            (
                "splits: train + validation + test + holdout + staging must sum to 1,"
                " and 0.7 + 0.1 + 0.1 + 0.1 + 0.1 is 1.1"
            ),
        ),
        (
            "splits.by = 'time'",
            'splits.by = "time" needs data.time: the column with the time of a row',
        ),
        (
            "splits.by = 'group'\ndata.time = 'day'",
            'splits.by = "group" needs data.group: the column that dependent rows share',
        ),
        (
            "data.group = 'who'\ndata.event = 'who'",
            'data.group and data.event are both "who": one column, one role',
        ),
        ("data.time = 'label'", 'data.label and data.time are both "label": one column, one role'),
        (
            "gates.needs.staging = ['floor', 'parity', 'floor']",
            'gates.needs.staging names "floor" more than once',
        ),
        (
            "gates.integrity.require_signature = true",
            (
                "gates.integrity.require_signature = true needs gates.integrity.public_key:"
                " the file with the key to check signatures against"
            ),
        ),
        (
            "splits = {train = 0.7, holdout = 0}\ngates.needs = {staging = ['slices', 'floor']}",
            (
                "splits.holdout = 0 and no data.holdout leave no rows for champion, floor, slices,"
                " calibration, robustness"
            ),
        ),
        (
            "splits = {train = 0.7, staging = 0}",
            "splits.staging = 0 and no data.staging leave no rows for infra",
        ),
        ("rollout.steps = []", "rollout.steps = []: the last step must be 1, all of the traffic"),
        (
            "rollout.steps = [0.5, 0.5, 1]",
            "rollout.steps = [0.5, 0.5, 1.0]: steps must rise, but 0.5 follows 0.5",
        ),
        (
            "rollout.steps = [1]",
            (
                "rollout.steps = [1.0]: nothing would answer beside the first step to compare it"
                ' with; put a smaller one first; all at once is rollout.strategy = "blue-green",'
                " without steps"
            ),
        ),
        (
            "rollout.worse = 0.02",
            "rollout.worse = 0.02 is over rollout.margin = 0.01",
        ),
        (
            "rollout.metric = 'mae'",
            "rollout.scale = 0: mae needs the error that counts as entirely wrong",
        ),
        (
            "rollout.floor.f1_macro = 0.8",
            (
                "rollout.floor.f1_macro: it is no mean over rows; watched are accuracy,"
                " recall:LABEL, precision:LABEL and mae"
            ),
        ),
    ],
)
def test_contradictions_are_refused_with_both_sides(text: str, problem: str) -> None:
    """Keys that fit one by one but not together are named, with what each needs."""
    assert problems(text) == [problem]


@pytest.mark.parametrize(
    "text",
    [
        "splits = {by = 'time'}\ndata.time = 'day'",
        "splits = {by = 'group'}\ndata.group = 'patient'",
        "splits = {train = 0.7, holdout = 0}\ndata.holdout = 'new.parquet'",
        (
            "splits = {train = 0.8, holdout = 0, staging = 0}\n"
            "gates.needs = {staging = ['parity'], champion = ['parity']}"
        ),
        "splits = {train = 0.3, validation = 0.3, test = 0.2, holdout = 0.1, staging = 0.1}",
        "gates.integrity = {require_signature = true, public_key = 'key.pub'}",
        "rollout.steps = [0.5, 1]",
        "rollout = {scale = 20, metric = 'mae', floor = {mae = 3.5, 'recall:no' = 0.7}}",
        "gates.floor.bounds = {mae = 3.5, brier = 1.2, 'recall:no' = 1, log_loss = 0}",
    ],
)
def test_what_is_whole_is_accepted(text: str) -> None:
    """The other side given, there is nothing to complain of."""
    policy.parse(f"model.name = 'ecg'\n{text}")


@given(st.sampled_from([catalogue.names(None, LABELS), catalogue.names()]), st.integers(1, 60))
def test_every_metric_of_the_catalogue_may_be_named(names: tuple[str, ...], step: int) -> None:
    """A metric that exists is never refused by its spelling."""
    for name in names:
        spelled = name.replace("QUANTILE", "0.9").replace("PRECISION", ".75")
        assert re.search(values.METRIC, spelled.replace("STEP", str(step))), name


@given(st.from_regex(values.METRIC, alphabet=st.characters(codec="ascii")))
def test_every_name_that_is_accepted_is_a_metric(name: str) -> None:
    """What passes the check fails later for its label only, never for its spelling."""
    try:
        found = catalogue.metric(name)
    except EvidenceError as error:
        pytest.fail(f"{name}: {error}")
    assert found.name == name


def test_the_rule_for_metrics_names_every_family() -> None:
    """Who misspells a metric reads all there are."""
    listed = {name.partition(":")[0] for name in re.split(r", | or ", values.METRIC_RULE)}
    assert listed == {name.partition(":")[0] for name in catalogue.names()}


def test_metrics_that_may_be_over_one_are_those_of_the_catalogue() -> None:
    """A bound of 85 is refused just where no figure can be that high."""
    spelled = [
        name.replace("LABEL", "x").replace("QUANTILE", "0.5").replace("PRECISION", "0.5")
        for name in catalogue.names()
    ]
    found = {name: catalogue.metric(name.replace("STEP", "1")).range for name in spelled}
    high = {name.partition(":")[0] for name, range_ in found.items() if range_ != 1}
    assert high == set(values.UNLIMITED)


def test_default_of_the_lists_is_every_gate() -> None:
    """Champions need all that there is; what is staged cannot have been looked at in staging."""
    needs = policy.Needs()
    assert needs.champion == policy.GATES
    assert set(policy.GATES) - set(needs.staging) == {"infra"}


def test_every_gate_with_a_table_is_a_gate() -> None:
    """No table of rules is there for a gate that does not exist."""
    named = {name.removeprefix("gates.") for name, _ in fields.tables() if name[:6] == "gates."}
    assert named - {"needs"} <= set(policy.GATES)


def test_digest_is_of_the_rules_not_of_the_layout() -> None:
    """Defaults written out, order and number format change nothing; a rule does."""
    plain = policy.parse("model.name = 'ecg'")
    laid_out = policy.parse(
        "splits = {seed = 0, by = 'row'}\npackage.tolerance = 1e-4\nmodel = {name = 'ecg'}\n"
        "gates.champion.margin = 0"
    )
    other = policy.parse("model.name = 'ecg'\ngates.champion.margin = 1e-9")
    assert plain.digest == laid_out.digest
    assert plain.digest != other.digest
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", plain.digest)


def test_digest_does_not_depend_on_the_order_of_bounds() -> None:
    """A table of bounds is a set of rules."""
    bounds = ["accuracy = 0.9", "mae = 3.5"]
    one, other = (
        policy.parse(f"model.name = 'ecg'\ngates.floor.bounds = {{{', '.join(order)}}}")
        for order in (bounds, bounds[::-1])
    )
    assert one.digest == other.digest
