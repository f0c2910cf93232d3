"""What each look at one holdout may cost.

A holdout that has judged many challengers lets a bad one through sooner or later. So the chance
of a false pass that the policy allows, alpha, is spent over the looks: the k-th gets the share
``6 / (pi^2 k^2)``. The shares of all looks to come add up to 1 (Euler's answer to the Basel
problem), so that by Bonferroni's inequality the chance that any of them ends in a false pass stays
under alpha, however many there are. Spending alpha by a schedule fixed beforehand is Lan & DeMets,
"Discrete sequential boundaries for clinical trials", Biometrika 70 (1983).

The inequality holds for challengers made without regard to the holdout. Whoever tunes a model until
the verdict changes learns something of the holdout with each look, and no schedule pays for all of
that (Dwork et al., "The reusable holdout", Science 349, 2015). A fresh holdout does.
"""

from __future__ import annotations

import math

from interlock.errors import EvidenceError


def share(look: int) -> float:
    """Part of alpha that belongs to the `look`-th look, counted from 1.

    >>> [round(share(look), 3) for look in (1, 2, 3)]
    [0.608, 0.152, 0.068]
    """
    if look < 1:
        raise EvidenceError(f"look {look}: looks are counted from 1")
    return 6 / (math.pi * look) ** 2


def allowance(alpha: float, look: int) -> float:
    """Chance of a false pass that the `look`-th look may take, of `alpha` for all of them.

    >>> round(allowance(0.05, 1), 4)
    0.0304
    """
    _check(alpha)
    return alpha * share(look)


def left(alpha: float, looks: int) -> float:
    """What is left of `alpha` after that many looks.

    >>> left(0.05, 0)
    0.05
    >>> round(left(0.05, 3), 4)
    0.0086
    """
    _check(alpha)
    return alpha * (1 - math.fsum(share(look) for look in range(1, looks + 1)))


def _check(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise EvidenceError(f"alpha {alpha} is not between 0 and 1")
