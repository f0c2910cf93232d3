"""Each disturbance does what its words say, to those inputs that it is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interlock.gates import disturbances
from interlock.gates.disturbances import Disturbance, Feed
from interlock.package.profile import Distribution, Elements, Profile, Signal
from interlock.policy import Robustness
from interlock.signature.schema import (
    Boolean,
    Category,
    Classes,
    Integer,
    Number,
    OutOfRange,
    Output,
    Signature,
    Tensor,
    Value,
)

BEAT = Tensor(name="beat", shape=(2, 40))
COLUMNS = (
    Number(name="dose", nullable=True),
    Integer(name="age", minimum=0, maximum=100),
    Boolean(name="smoker", nullable=True),
    Category(name="plan", values=("a", "b"), nullable=True),
    Category(name="sex", values=("f", "m")),
)


KINDS = Classes(labels=("calm", "wild"))


def spread(deviation: float) -> Distribution:
    """A distribution with this deviation."""
    return Distribution(count=1, missing=0, mean=0.0, deviation=deviation)


PROFILE = Profile(
    rows=1,
    inputs={
        "beat": Signal(values=spread(2.0), features={}),
        "dose": spread(10.0),
        "age": spread(20.0),
        "pair": Elements(elements={"(0,)": spread(1.0), "(1,)": spread(100.0)}),
    },
    outputs={},
)


def columns(rows: int = 400) -> Feed:
    """A feed of `COLUMNS`."""
    return {
        "dose": np.linspace(-50, 50, rows).astype(np.float32),
        "age": np.tile([0, 50, 100], rows)[:rows].astype(np.int64),
        "smoker": np.tile([0, 1], rows)[:rows].astype(np.float32),
        "plan": np.tile(np.array(["a", "b"], object), rows)[:rows],
        "sex": np.tile(np.array(["f", "m"], object), rows)[:rows],
    }


def beats(rows: int = 20) -> Feed:
    """A feed of `BEAT`."""
    return {"beat": np.random.default_rng(0).normal(size=(rows, 2, 40)).astype(np.float32)}


def signature(
    *inputs: Any, out_of_range: OutOfRange = "reject", output: Output = KINDS
) -> Signature:
    """A signature of these inputs."""
    return Signature(inputs=inputs, output=output, out_of_range=out_of_range)


def one(name: str, described: Signature, rules: Robustness) -> Disturbance:
    """The disturbance called `name`."""
    return next(item for item in disturbances.of(described, rules) if item.name == name)


def disturbed(name: str, feed: Feed, described: Signature, **rules: float) -> Feed:
    """`feed` under one disturbance."""
    chosen = one(name, described, Robustness(**rules))  # type: ignore[arg-type]
    return disturbances.disturb(feed, chosen, described, PROFILE, seed=3)


def test_which_there_are_follows_from_the_signature() -> None:
    """Nothing goes missing that may not, and only signals have flat lines."""
    names = {item.name for item in disturbances.of(signature(*COLUMNS), Robustness())}
    assert names == {"missing", "noise"}
    names = {item.name for item in disturbances.of(signature(BEAT), Robustness())}
    assert names >= {"clipped", "flat line", "dropped", "wander", "noise"}
    assert "missing" not in names
    words = signature(Category(name="sex", values=("f", "m")))
    assert disturbances.of(words, Robustness()) == ()
    assert "noise" not in {
        item.name for item in disturbances.of(signature(BEAT), Robustness(noise=0))
    }


MOVED = {"shift up", "shift down", "scale up", "scale down"}


@pytest.mark.parametrize(
    ("inputs", "output", "everywhere", "moved"),
    [
        ((BEAT,), KINDS, False, MOVED),
        ((BEAT,), Value(), False, set()),
        (COLUMNS, KINDS, False, set()),
        (COLUMNS, Value(), True, MOVED),
    ],
)
def test_values_move_where_the_right_answer_does_not(
    inputs: tuple[Any, ...], output: Output, everywhere: bool, moved: set[str]
) -> None:
    """On signals that are classified; elsewhere a moved input is another one, unless asked for."""
    rules = Robustness(everywhere=everywhere)
    names = {item.name for item in disturbances.of(signature(*inputs, output=output), rules)}
    assert names & MOVED == moved


def test_missing_takes_away_only_what_may_be_missing() -> None:
    """As the graph writes it: NaN, or the empty string."""
    found = disturbed("missing", columns(), signature(*COLUMNS), missing=0.25)
    assert 0.15 < np.isnan(found["dose"]).mean() < 0.35
    assert 0.15 < np.isnan(found["smoker"]).mean() < 0.35
    assert 0.15 < np.mean(found["plan"] == "") < 0.35
    assert np.array_equal(found["age"], columns()["age"])
    assert np.array_equal(found["sex"], columns()["sex"])


def test_noise_is_as_large_as_the_profile_says() -> None:
    """And whole numbers stay whole."""
    found = disturbed("noise", columns(4000), signature(*COLUMNS), noise=0.5)
    change = found["dose"] - columns(4000)["dose"]
    assert 4.5 < change.std() < 5.5
    assert found["age"].dtype == np.int64
    assert not np.array_equal(found["age"], columns(4000)["age"])


@pytest.mark.parametrize(("policy", "top"), [("reject", 100), ("clip", 100), ("flag", 104)])
def test_what_leaves_its_range_is_put_at_its_end(policy: OutOfRange, top: int) -> None:
    """Unless the policy lets it in and flags it."""
    described = signature(*COLUMNS, out_of_range=policy)
    found = disturbed("shift up", columns(), described, shift=0.2, everywhere=True)
    assert found["age"].max() == top
    assert found["age"].min() == 4


def test_scale_is_a_factor() -> None:
    """Up and down."""
    described = signature(BEAT)
    assert np.allclose(
        disturbed("scale down", beats(), described, scale=0.25)["beat"], beats()["beat"] * 0.75
    )


def test_each_element_has_its_own_deviation() -> None:
    """A small tensor is profiled element by element."""
    described = signature(Tensor(name="pair", shape=(2,)))
    pair = {"pair": np.zeros((3, 2), np.float32)}
    found = disturbed("shift up", pair, described, shift=1.0, everywhere=True)
    assert found["pair"].tolist() == [[1.0, 100.0]] * 3


def test_clipping_cuts_each_signal_at_both_ends() -> None:
    """Half of the share at each."""
    found = disturbed("clipped", beats(), signature(BEAT), clip=0.5)["beat"]
    before = beats()["beat"]
    assert np.allclose(np.ptp(found, axis=-1), np.ptp(before, axis=-1) / 2, rtol=1e-5)


def test_a_flat_line_holds_one_value_for_its_share() -> None:
    """All else is as it was."""
    found = disturbed("flat line", beats(), signature(BEAT), flat=0.25)["beat"]
    still = np.sum(np.diff(found, axis=-1) == 0, axis=-1)
    assert np.all(still == 9)
    assert np.mean(found == beats()["beat"]) > 0.75


def test_dropped_samples_read_zero_and_a_wave_is_as_high_as_asked() -> None:
    """Both touch signals only."""
    found = disturbed("dropped", beats(200), signature(BEAT), drop=0.1)["beat"]
    assert 0.08 < np.mean(found == 0) < 0.12
    wave = disturbed("wander", beats(), signature(BEAT), wander=0.5)["beat"] - beats()["beat"]
    assert 0.98 < np.abs(wave).max() <= 1.001
    assert np.abs(wave.mean(axis=-1)).max() < 0.06


def test_models_with_the_same_input_are_disturbed_alike() -> None:
    """Whatever other inputs they have; another seed is another day."""
    few = signature(Number(name="dose"))
    many = signature(*COLUMNS)
    noise = one("noise", few, Robustness())
    feed = columns()
    found = [
        disturbances.disturb(
            {field.name: feed[field.name] for field in described.inputs},
            noise,
            described,
            PROFILE,
            seed=seed,
        )["dose"]
        for described, seed in ((few, 1), (many, 1), (few, 2))
    ]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_what_was_given_stays_as_it_was() -> None:
    """A disturbance makes new arrays."""
    feed = beats()
    disturbed("flat line", feed, signature(BEAT))
    assert np.array_equal(feed["beat"], beats()["beat"])
