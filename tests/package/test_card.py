from __future__ import annotations

import msgspec

from interlock.package import Package
from interlock.package.card import markdown
from interlock.package.manifest import Code, Parity, Seen
from interlock.signature.schema import Category, Number, Signature, Value


def test_the_card_in_a_package_tells_its_story(beat: Package) -> None:
    """Name, use, limits, inputs, metrics, proof and origin, each under its heading."""
    card = (beat.path / "card.md").read_text()
    assert card.startswith("# beat 1.0.0\n\nTells three kinds of signal apart.\n")
    for heading in ("Intended use", "Limitations", "Inputs", "Answer", "Metrics", "Proof"):
        assert f"\n## {heading}\n" in card
    assert "| beat | float32[32] |" in card
    assert "One of flat, loud, wave, with a probability for each." in card
    assert "| split | accuracy | f1_macro |" in card
    assert "| test | 0.9700 | 0.9500 |" in card
    assert "On 120 rows the graph answered as the original model did: 0 labels changed" in card
    assert "| license | Apache-2.0 |" in card
    assert "rows: 120, columns: 1, SHA-256: " in card


def test_what_was_not_stated_is_said_to_be_so(cost: Package) -> None:
    """A card without words from its owner admits it."""
    card = (cost.path / "card.md").read_text()
    assert "## Intended use\n\nNot stated." in card
    assert "None were given when the package was built." in card
    assert "no fingerprint was taken" in card


def test_labels_without_an_example_are_named(beat: Package) -> None:
    """A reader sees what the examples do not show."""
    card = markdown(beat.manifest, beat.signature, examples=3, uncovered=["wave"])
    assert "No example is answered wave" in card


def test_ties_are_told(beat: Package) -> None:
    """Rows that went either way are in the card, and only where there are any."""
    none = markdown(beat.manifest, beat.signature, examples=3, uncovered=[])
    assert "equally probable" not in none
    tied = Parity(rows=9, largest_difference=0.0, labels_changed=0, tolerance=1e-4, ties=4)
    manifest = msgspec.structs.replace(beat.manifest, parity=tied)
    card = markdown(manifest, beat.signature, examples=3, uncovered=[])
    assert "finds two labels equally probable, it and the graph chose differently on 4 rows" in card


def test_cells_cannot_break_out_of_their_table(beat: Package) -> None:
    """Bars and line breaks in descriptions stay inside their cell."""
    signature = Signature(
        inputs=(
            Number(name="x", description="a | b\nc", minimum=0, unit="mg"),
            Category(name="plan", values=("a|b",)),
        ),
        output=Value(description="How much."),
        out_of_range="clip",
    )
    card = markdown(beat.manifest, signature, examples=1, uncovered=[])
    assert "| x | a number, at least 0 mg | a \\| b c |" in card
    assert "a\\|b" in card
    assert "is set to the nearest bound" in card
    assert "A number. How much." in card


def test_code_says_when_it_was_not_committed(beat: Package) -> None:
    """A dirty work tree is no reproducible origin."""
    dirty = msgspec.structs.replace(beat.manifest, code=Code(revision="f" * 40, dirty=True))
    card = markdown(dirty, beat.signature, examples=1, uncovered=[])
    assert "f" * 40 + " with uncommitted changes" in card


def test_splits_may_have_metrics_of_their_own(beat: Package) -> None:
    """A metric that a split lacks is an empty cell."""
    metrics = {"test": {"accuracy": 0.5}, "holdout": {"recall": 1.0}}
    manifest = msgspec.structs.replace(beat.manifest, metrics=metrics)
    card = markdown(manifest, beat.signature, examples=1, uncovered=[])
    assert "| test | 0.5000 |  |" in card
    assert "| holdout |  | 1.0000 |" in card


def test_rows_that_were_seen_are_told(beat: Package) -> None:
    """How many of which part, or that nobody knows."""
    seen = Seen(parts={"train": 2000, "test": 90}, columns=("beat",), rows=2090, group="ward")
    manifest = msgspec.structs.replace(beat.manifest, seen=msgspec.structs.replace(seen, groups=7))
    card = markdown(manifest, beat.signature, examples=3, uncovered=[])
    assert "| rows seen | 2,000 of train, 90 of test, 7 groups by ward; their hashes" in card
    unknown = msgspec.structs.replace(beat.manifest, seen=None)
    card = markdown(unknown, beat.signature, examples=3, uncovered=[])
    assert "| rows seen | not known" in card


def test_counts_are_whole_numbers(beat: Package) -> None:
    """A share that happens to be 1 is no count."""
    metrics = {"train": {"rows": 1228.0, "recall": 1.0}, "test": {"rows": 57.0, "recall": 1.0}}
    manifest = msgspec.structs.replace(beat.manifest, metrics=metrics)
    card = markdown(manifest, beat.signature, examples=1, uncovered=[])
    assert "| train | 1,228 | 1.0000 |" in card
    assert "| test | 57 | 1.0000 |" in card
