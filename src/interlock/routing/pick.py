"""Which arm of a route answers: drawn by the routing key, so that a key stays where it is.

A token (the hash of the key, or the id of a request without one) is a point between 0 and 1. The
arms that are tried take the first part of that line, in their order, the champion takes the rest:
while the share of one grows, only keys of the champion go over to it, and none comes back.
"""

from __future__ import annotations

from bisect import bisect_right
from hashlib import blake2b
from itertools import accumulate

from interlock.routing.route import Arm, Route

_SCALE = 2.0**-53  # of the 53 bits that a float between 0 and 1 can tell apart


class Draw:
    """A point of the line for each token; another `purpose` draws independently of the first.

    Examples
    --------
    >>> Draw("salt", "arm")(b"bed 7") == Draw("salt", "arm")(b"bed 7")
    True
    """

    def __init__(self, salt: str, purpose: str) -> None:
        key = blake2b(salt.encode()).digest()  # a salt may be longer than a key
        self._blank = blake2b(digest_size=8, key=key, person=purpose.encode())

    def __call__(self, token: bytes) -> float:
        state = self._blank.copy()
        state.update(token)
        return (int.from_bytes(state.digest()) >> 11) * _SCALE


class Pick:
    """The arm for a token; made once, when the route is loaded.

    Examples
    --------
    >>> arms = (
    ...     Arm(name="champion", version="1.0.0", digest="sha256:1", share=0.9),
    ...     Arm(name="canary", version="1.1.0", digest="sha256:2", share=0.1),
    ... )
    >>> pick = Pick(Route(deployment="ecg", revision=1, salt="x", arms=arms))
    >>> [pick(key).name for key in (b"bed 1", b"bed 2", b"bed 3")]
    ['champion', 'canary', 'champion']
    """

    def __init__(self, route: Route) -> None:
        tried = [arm for arm in route.arms if arm is not route.steady and arm.share > 0]
        steady = [route.steady] if route.steady.share > 0 else []
        self._arms = (*tried, *steady)
        # Sums of shares may be a hair under 1: the last arm goes up to the end in any case.
        self._ends = list(accumulate(arm.share for arm in tried))[: len(self._arms) - 1]
        self._draw = Draw(route.salt, "arm")

    def __call__(self, token: bytes) -> Arm:
        return self._arms[bisect_right(self._ends, self._draw(token))]
