"""Which door a request goes through, version by version and arm by arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from interlock.errors import VersionNotFoundError
from interlock.journal import segments
from interlock.journal.hashing import Hasher
from interlock.routing.route import Arm, Route, Shadow
from interlock.serve import table
from interlock.serve.doors import Plain
from interlock.serve.journal import Journal
from interlock.serve.lineup import Lineup
from interlock.serve.metrics import Recorder
from interlock.serve.request import Headers
from interlock.serve.served import Served
from interlock.serve.shadow import Lane
from interlock.serve.turn import Posted
from interlock.serve.ways import entry
from interlock.settings import Settings


class Entry:
    """A deployment of two versions: 1.0.1 is canary of 0.3 and has half of everything shadowed."""

    def __init__(self, packages: tuple[Path, Path], home: Path) -> None:
        segments.folder(home / "journal").mkdir(parents=True)
        settings, recorder = Settings(home=home), Recorder(home, 0)
        main, other = (table.describe(path) for path in packages)
        arms = (
            Arm(name="champion", version=main.version, digest=main.digest, share=0.7),
            Arm(name="canary", version=other.version, digest=other.digest, share=0.3),
        )
        shadows = (Shadow(version=other.version, digest=other.digest, share=0.5),)
        route = Route(deployment="beat", revision=1, salt="x", arms=arms, shadows=shadows)
        self.served = tuple(Served(one, settings, recorder) for one in (main, other))
        self.lineup = Lineup(replace(main, route=route, beside=(other,)), self.served)
        self.journal = Journal(settings, 0, recorder)
        self.lane = Lane(self.served[1], self.journal, settings, recorder)
        self.hasher = Hasher(settings)

    def choose(self, headers: Headers, *, shadowed: bool = True) -> Posted:
        """What becomes of a request, of a server that keeps a journal or of one that does not."""
        lanes = {self.served[1]: self.lane} if shadowed else {}
        door = entry(Plain, self.lineup, self.hasher, lanes)
        assert door.ways is not None
        return door.ways.choose(Posted(door, headers, b"", 0.0))


@pytest.fixture
def way(beat_package: Path, second_package: Path, tmp_path: Path) -> Iterator[Entry]:
    """The way in, and what it has opened closed in the end."""
    made = Entry((beat_package, second_package), tmp_path)
    yield made
    made.lane.close()
    made.journal.close()
    for served in made.served:
        served.close()


def test_a_shadow_is_drawn_by_itself_on_every_arm(way: Entry) -> None:
    """Half of the canary's requests and half of the champion's, not one arm before the other."""
    found: Counter[tuple[str | None, bool]] = Counter()
    for place in range(2000):
        posted = way.choose(Headers(key=f"bed {place}"))
        (shadowing,) = posted.door.shadows
        assert shadowing.draw is not None
        assert posted.token is not None
        found[posted.door.arm, shadowing.draw(posted.token) < shadowing.share] += 1
    for arm in ("champion", "canary"):
        assert 0.4 < found[arm, True] / (found[arm, True] + found[arm, False]) < 0.6


def test_without_a_journal_a_route_has_its_arms_and_no_shadow(way: Entry) -> None:
    """There would be nowhere to put what it answers."""
    arms = Counter(
        way.choose(Headers(key=f"bed {place}"), shadowed=False).door.arm for place in range(200)
    )
    assert set(arms) == {"champion", "canary"}
    assert way.choose(Headers(key="bed 1"), shadowed=False).door.shadows == []


def test_a_header_without_a_version_asks_for_one_all_the_same(way: Entry) -> None:
    """A tester whose variable was empty is not to believe that it was the version meant."""
    assert way.choose(Headers(version="1.0.1")).door.served.version == "1.0.1"
    with pytest.raises(VersionNotFoundError, match="not served in version"):
        way.choose(Headers(version=""))
