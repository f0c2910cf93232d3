from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from interlock.errors import FormatError
from interlock.package import Package
from interlock.package import profile as profiles
from interlock.package.profile import (
    Distribution,
    Elements,
    Lengths,
    Profile,
    Shares,
    Signal,
    distribution,
    of_input,
    profile,
    shares,
    signal_features,
)
from interlock.signature.schema import (
    Boolean,
    Category,
    Integer,
    Number,
    Signature,
    Tensor,
    Text,
    Value,
    Vector,
)


def test_a_distribution_says_how_numbers_lie() -> None:
    """Counts, moments, quantiles and a histogram that adds up."""
    found = distribution(np.arange(101, dtype=np.float32))
    assert (found.count, found.missing, found.mean) == (101, 0, 50.0)
    assert (found.minimum, found.maximum) == (0.0, 100.0)
    assert found.quantiles["0.05"] == pytest.approx(5)
    assert found.quantiles["0.5"] == 50.0
    assert sum(found.histogram) == 101
    assert len(found.edges) == len(found.histogram) + 1


def test_missing_numbers_are_counted_and_left_out() -> None:
    """NaN has no say in the mean."""
    found = distribution(np.array([1.0, np.nan, 3.0, np.nan]))
    assert (found.count, found.missing, found.mean) == (4, 2, 2.0)


def test_a_column_with_nothing_in_it_has_an_empty_distribution() -> None:
    """No division by zero, no NaN in the JSON."""
    found = distribution(np.array([np.nan, np.nan]))
    assert found == Distribution(count=2, missing=2)


def test_a_constant_column_has_one_bin() -> None:
    """A histogram of one value needs no width."""
    found = distribution(np.full(9, 4.0))
    assert found.histogram == (9,)
    assert found.deviation == 0


def test_numbers_next_to_each_other_share_one_bin() -> None:
    """Bins cannot be narrower than the spacing of the numbers."""
    found = distribution(np.array([1.0, np.nextafter(1.0, 2)]))
    assert found.histogram == (2,)


@given(
    arrays.arrays(
        np.float32,
        st.integers(1, 50),
        elements=st.floats(-(2.0**100), 2.0**100, width=32) | st.just(float("nan")),
    )
)
def test_every_distribution_is_consistent(values: np.ndarray[Any, Any]) -> None:
    """Whatever the numbers: counts add up and quantiles are in order."""
    found = distribution(values)
    assert sum(found.histogram) == found.count - found.missing
    assert list(found.quantiles.values()) == sorted(found.quantiles.values())


def test_shares_add_up_and_leave_missing_out() -> None:
    """A share is one of the values that are there."""
    found = shares(np.array(["b", "a", "b", "", "b"], object), missing="")
    assert found == Shares(count=5, missing=1, shares={"b": 0.75, "a": 0.25})


def test_rare_categories_are_put_together() -> None:
    """A profile stays small whatever the number of categories."""
    values = np.array([str(number) for number in range(150)] + ["0"] * 50, object)
    found = shares(values)
    assert len(found.shares) == 100
    assert found.shares["0"] == 51 / 200
    assert found.other == pytest.approx(50 / 200)


@pytest.mark.parametrize(
    ("field", "values", "kind"),
    [
        (Number(name="x"), np.zeros(3, np.float32), Distribution),
        (Integer(name="x"), np.zeros(3, np.int64), Distribution),
        (Boolean(name="x"), np.zeros(3, bool), Shares),
        (Category(name="x", values=("a",)), np.array(["a", "", "a"], object), Shares),
        (Text(name="x"), np.array(["a", "", "abc"], object), Lengths),
        (Tensor(name="x", shape=(140,)), np.zeros((3, 140), np.float32), Signal),
        (Tensor(name="x", shape=(2, 16)), np.zeros((3, 2, 16), np.float32), Signal),
        (Tensor(name="x", shape=(4,)), np.zeros((3, 4), np.float32), Elements),
        (Tensor(name="x", shape=()), np.zeros(3, np.float32), Elements),
    ],
)
def test_each_kind_of_input_has_its_profile(field: object, values: object, kind: type) -> None:
    """The signature decides what is worth knowing."""
    assert type(of_input(field, values)) is kind  # type: ignore[arg-type]


def test_booleans_with_missing_values_are_words() -> None:
    """NaN is missing, not true."""
    found = of_input(Boolean(name="b", nullable=True), np.array([1, 0, 1, np.nan], np.float32))
    assert isinstance(found, Shares)
    assert found.missing == 1
    assert found.shares == pytest.approx({"true": 2 / 3, "false": 1 / 3})


def test_text_is_profiled_without_being_kept() -> None:
    """Only lengths are written: text can be anybody's."""
    found = of_input(Text(name="note"), np.array(["secret", "", "x"], object))
    assert isinstance(found, Lengths)
    assert (found.missing, found.length.maximum) == (1, 6.0)
    assert "secret" not in str(found)


def test_features_tell_a_dead_sensor_from_a_noisy_one() -> None:
    """Amplitude, flat share and noise are what a cardiologist's eye sees first."""
    time = np.arange(140)
    noise = np.random.default_rng(1).normal(scale=0.2, size=140)
    dead, clean = np.full(140, 0.3), np.sin(time / 10)
    half = np.where(time < 70, np.sin(time / 10), 0.0)
    found = signal_features(np.stack([dead, clean, clean + noise, half]).astype(np.float32))
    assert found["amplitude"] == pytest.approx([0, 2, found["amplitude"][2], 2], abs=0.01)
    assert found["flat_share"][0] == 1
    assert found["flat_share"][1] < 0.02
    assert found["flat_share"][3] == pytest.approx(0.5, abs=0.02)
    assert found["noise"][0] == 0
    assert found["noise"][1] < 0.01
    assert found["noise"][2] == pytest.approx(0.2, rel=0.2)
    assert found["level"][0] == pytest.approx(0.3)


def test_channels_are_averaged_along_the_longest_axis() -> None:
    """[rows, samples, leads] and [rows, leads, samples] give the same."""
    signals = np.random.default_rng(3).normal(size=(5, 40, 3))
    one, other = signal_features(signals), signal_features(signals.transpose(0, 2, 1))
    for name, feature in one.items():
        assert feature.shape == (5,)
        np.testing.assert_allclose(feature, other[name])


def test_outputs_are_profiled_by_kind() -> None:
    """A number has a distribution, a vector one for each step."""
    inputs = (Number(name="x"),)
    feed = {"x": np.arange(4, dtype=np.float32)}
    number = Signature(inputs=inputs, output=Value())
    found = profile(number, feed, {"value": feed["x"]})
    assert isinstance(found.outputs["value"], Distribution)
    vector = Signature(inputs=inputs, output=Vector(steps=("jan", "feb")))
    found = profile(vector, feed, {"values": np.ones((4, 2), np.float32)})
    assert isinstance(found.outputs["values"], Elements)
    assert list(found.outputs["values"].elements) == ["jan", "feb"]


def test_a_package_carries_the_profile_of_its_sample(beat: Package, intake: Package) -> None:
    """What was written reads back, with every input and output in it."""
    found = Profile.from_json((beat.path / "profile.json").read_bytes())
    assert found.rows == 120
    signal = found.inputs["beat"]
    assert isinstance(signal, Signal)
    assert set(signal.features) == {"level", "amplitude", "flat_share", "noise"}
    assert signal.values.count == 120 * 32
    label = found.outputs["label"]
    assert isinstance(label, Shares)
    assert set(label.shares) == {"flat", "loud", "wave"}
    records = Profile.from_json((intake.path / "profile.json").read_bytes())
    assert list(records.inputs) == ["age", "dose", "plan", "city"]


def test_a_profile_that_is_none_is_refused() -> None:
    """Unreadable JSON names its file."""
    with pytest.raises(FormatError, match=r"profile\.json"):
        Profile.from_json(b'{"rows": 3}')
    assert profiles.SIGNAL_LENGTH == 16
