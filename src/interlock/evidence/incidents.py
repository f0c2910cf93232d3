"""Errors of two versions side by side: a test that stays valid however often one looks.

If the challenger errs no more than `ratio` times as often as the champion, then of the errors of an
interval in which it had the share `p` of the requests, each is the challenger's with at most the
probability ``q0 = ratio p / (1 - p + ratio p)``. Against that we bet, error by error, that it
is some greater ratio; the capital is a mixture over such numbers and by Ville's inequality reaches
``1 / alpha`` with at most the probability alpha, at any time. That errors are drawn from the
requests without replacement only makes the bet more careful (Hoeffding 1963, theorem 4).

Source: Wald's sequential probability ratio test with a mixture over the alternative (Robbins 1970),
for the binomial law of two Poisson counts given their sum (Przyborowski & Wilenski 1940).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from interlock.errors import EvidenceError

# How many times the tolerated ratio is suspected. Small ones wait for many errors.
_SUSPICIONS = np.array([1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0])


class Incidents(msgspec.Struct, kw_only=True):
    """Errors of a challenger beside a champion's; `gains` are the logarithms of the capitals.

    Parameters
    ----------
    ratio
        How many times as often as the champion the challenger may err.

    Examples
    --------
    >>> seen = Incidents(ratio=1.0)
    >>> for _ in range(5):
    ...     seen.add(errors=4, requests=100, champion_errors=2, champion_requests=1900)
    >>> seen.evidence() > 1000
    True
    """

    ratio: float = 1.0
    gains: list[float] = []
    errors: int = 0
    requests: int = 0
    champion_errors: int = 0
    champion_requests: int = 0

    def add(
        self, *, errors: int, requests: int, champion_errors: int, champion_requests: int
    ) -> None:
        """Take note of one interval. An arm without requests says nothing.

        Raises
        ------
        EvidenceError
            When there are more errors than requests, or fewer than none.
        """
        if not (0 <= errors <= requests and 0 <= champion_errors <= champion_requests):
            raise EvidenceError(
                f"{errors} errors of {requests} requests and {champion_errors} of"
                f" {champion_requests} cannot be"
            )
        self.errors += errors
        self.requests += requests
        self.champion_errors += champion_errors
        self.champion_requests += champion_requests
        if requests and champion_requests:
            told = self._told(requests / champion_requests, errors, champion_errors)
            self.gains = (np.array(self.gains or np.zeros(len(_SUSPICIONS))) + told).tolist()

    def evidence(self) -> float:
        """Capital won against "it errs at most `ratio` times as often"; 1 before any error."""
        return math.exp(min(700.0, self.log_evidence()))

    def log_evidence(self) -> float:
        """Logarithm of `evidence`."""
        if not self.gains:
            return 0.0
        return float(np.logaddexp.reduce(self.gains) - math.log(len(self.gains)))

    def _told(self, odds: float, errors: int, champion_errors: int) -> np.ndarray:
        allowed = self.ratio * odds
        suspected = allowed * _SUSPICIONS
        mine = np.log((suspected / (1 + suspected)) / (allowed / (1 + allowed)))
        theirs = np.log((1 + allowed) / (1 + suspected))
        told: np.ndarray = errors * mine + champion_errors * theirs
        return told
