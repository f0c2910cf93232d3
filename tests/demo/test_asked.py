"""The list of what was asked, and the tally of it."""

from __future__ import annotations

from pathlib import Path

from interlock.demo.asked import Asked, Reader, Writer
from interlock.demo.tally import Tally


def test_a_reader_goes_on_where_it_was(tmp_path: Path) -> None:
    """Everything on the list is read once, in order, whenever one looks."""
    reader = Reader(tmp_path / "asked")
    assert list(reader.new()) == []
    first, second = Asked(3, 1.5, "a", "1.0.0"), Asked(4, 2.5, failure="503: full")
    with Writer(tmp_path / "asked") as writer:
        writer.add(first)
        assert list(reader.new()) == [first]
        writer.add(second)
    assert list(reader.new()) == [second]
    assert list(reader.new()) == []


def test_half_a_line_is_left_for_the_next_look(tmp_path: Path) -> None:
    """Whoever reads while somebody writes sees whole lines only."""
    asked, reader = tmp_path / "asked", Reader(tmp_path / "asked")
    asked.write_bytes(b'[1,2.0,"a","1.0.0",""]\n[2,3.0,"b",')
    assert [one.id for one in reader.new()] == ["a"]
    with asked.open("ab") as file:
        file.write(b'"1.0.0",""]\n')
    assert [one.id for one in reader.new()] == ["b"]


def test_a_tally_counts_answers_and_failures(tmp_path: Path) -> None:
    """Versions by id, failures with their reason, and shares of the answers."""
    tally = Tally(tmp_path / "asked")
    with Writer(tmp_path / "asked") as writer:
        for number in range(3):
            writer.add(Asked(0, 0.0, str(number), "1.0.0"))
        writer.add(Asked(0, 0.0, "3", "1.1.0"))
        tally.look()
        assert tally.sentence() == "4 requests of the ward answered, none failed"
        writer.add(Asked(0, 0.0, failure="500: oh"))
    tally.look()
    assert tally.versions == {"0": "1.0.0", "1": "1.0.0", "2": "1.0.0", "3": "1.1.0"}
    assert tally.shares() == {"1.0.0": 0.75, "1.1.0": 0.25}
    assert tally.failures == ["500: oh"]
    assert tally.sentence() == "4 requests of the ward answered, 1 failed"
