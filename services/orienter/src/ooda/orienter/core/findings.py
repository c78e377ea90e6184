"""From signs to a finding: what each sign is worth comes from the weights. Pure."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from ooda.common.findings import Change, Finding
from ooda.common.masking import mask
from ooda.common.targets import Target
from ooda.common.taxonomy import EvidenceFamily, FailureClass
from ooda.orienter.core.signs import Sign
from ooda.orienter.core.weights import Weights

EXCERPT = 1500
"""Characters of an excerpt; a finding may have 2000."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule made of the facts."""

    signs: frozenset[Sign] = frozenset()
    excerpt: str = ""
    points_at: tuple[Target, ...] = ()
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class About:
    """Who looked, where and when."""

    tool: str
    family: EvidenceFamily
    target: Target
    at: dt.datetime


def finding(about: About, seen: Seen, weights: Weights) -> Finding:
    """Return what was seen as a finding; without signs it has no opinion."""
    opinion = bool(seen.signs or seen.change or seen.points_at)
    implies, healthy = _worth(seen.signs, weights)
    return Finding(
        tool=about.tool,
        family=about.family,
        target=about.target,
        observed_at=about.at,
        outcome="evidence" if opinion else "nothing",
        implies=implies,
        healthy=healthy,
        change=seen.change,
        points_at=seen.points_at,
        excerpt=mask(seen.excerpt)[:EXCERPT],
    )


def unavailable(about: About, reason: str) -> Finding:
    """Return that a tool could not look. That is not healthy, and it is not ill."""
    return Finding(
        tool=about.tool,
        family=about.family,
        target=about.target,
        observed_at=about.at,
        outcome="unavailable",
        excerpt=mask(reason)[:EXCERPT],
    )


def _worth(signs: Iterable[Sign], weights: Weights) -> tuple[dict[FailureClass, float], float]:
    """Return per class the strongest for plus the strongest against: signs of one look overlap."""
    given = [weights.signs[sign] for sign in sorted(signs)]
    classes = sorted({each for weight in given for each in weight.implies})
    implies = {
        each: _net([weight.implies[each] for weight in given if each in weight.implies])
        for each in classes
    }
    return implies, _net([weight.healthy for weight in given])


def _net(strengths: list[float]) -> float:
    return max([0.0, *strengths]) + min([0.0, *strengths])
