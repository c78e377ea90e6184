"""What a model may answer, and the vote that is made of it. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ooda.common.findings import Finding
from ooda.common.targets import Target
from ooda.common.taxonomy import EvidenceFamily, FailureClass
from ooda.orienter.core.findings import EXCERPT, About, unavailable
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.plain import plain
from ooda.orienter.core.records import Incident
from ooda.orienter.core.weights import NOT_BLAMED, Weights

TOOL = "give_verdict"
"""The tool by which a model answers."""

VOTER = "model"
"""What a vote is called among the findings."""

Candidates = Mapping[str, Target]
"""What a model may blame, by the name that it is shown."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A class of the taxonomy, and one of the candidates unless it blames nobody."""

    failure_class: FailureClass
    component: Target | None
    reason: str


def candidates_of(incident: Incident, findings: Sequence[Finding], graph: Graph) -> Candidates:
    """Return the components that anomalies are on and that the tools have looked at."""
    looked_at = {graph.component(each.target) for each in findings}
    return {str(each): each for each in sorted({*incident.components, *looked_at}, key=str)}


def schema(candidates: Candidates) -> dict[str, Any]:
    """Return the tool by which a model answers, in the form of OpenAI's interface.

    It is not asked how sure it is: the confidence is computed from the findings.
    """
    return {
        "type": "function",
        "function": {
            "name": TOOL,
            "description": "Answer with what failed and where the failure began. Ends the talk.",
            "parameters": {
                "type": "object",
                "properties": {
                    "failure_class": {"type": "string", "enum": [str(c) for c in FailureClass]},
                    "component": {
                        "type": "string",
                        "enum": [*candidates, "none"],
                        "description": "none for healthy and unknown",
                    },
                    "reason": {"type": "string", "description": "one or two sentences"},
                },
                "required": ["failure_class", "component", "reason"],
            },
        },
    }


def verdict_of(arguments: Mapping[str, Any], candidates: Candidates) -> Verdict | str:
    """Read an answer; a text tells the model what is wrong with it."""
    said = arguments.get("failure_class")
    if not isinstance(said, str) or said not in set(FailureClass):
        return "failure_class is none of the classes that may be given"
    failure_class = FailureClass(said)
    reason = plain(str(arguments.get("reason", "")))
    if failure_class in NOT_BLAMED:
        return Verdict(failure_class, None, reason)
    component = arguments.get("component")
    if not isinstance(component, str) or component not in candidates:
        return "component is none of those that may be blamed"
    return Verdict(failure_class, candidates[component], reason)


def vote_of(verdict: Verdict | None, reason: str, about: About, weights: Weights) -> Finding:
    """Return a verdict as a finding, or that there is none and why.

    ``healthy`` and ``unknown`` are no votes: a model cannot talk away what the tools found.
    """
    if verdict is None:
        return unavailable(about, reason)
    blames = verdict.component is not None
    strength = weights.clip_of(EvidenceFamily.MODEL)
    return Finding(
        tool=about.tool,
        family=about.family,
        target=verdict.component or about.target,
        observed_at=about.at,
        outcome="evidence" if blames else "nothing",
        implies={verdict.failure_class: strength} if blames else {},
        excerpt=f"{verdict.failure_class}: {verdict.reason}"[:EXCERPT],
    )


def about_vote(incident: Incident, at: dt.datetime) -> About:
    """Return what a vote is about before it blames anything: where the incident began."""
    first = min(incident.members, key=lambda each: each.since)
    return About(VOTER, EvidenceFamily.MODEL, first.component, at)
