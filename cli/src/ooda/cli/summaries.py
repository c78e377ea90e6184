"""The summary of several evaluated runs: right and wrong, and how fast. Pure."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from ooda.common.run_reports import RecoveredBy, RunReport, Stage

_COLUMNS = (
    "scenario",
    "runs",
    "detected",
    "class",
    "component",
    "remediation",
    "recovered by",
    "detected after, median / p95",
    "recovered after, median / p95",
)
_STAGES = ("stage, since the request", "runs", "median", "p95", "most")
_REFUSALS = ("refused", "scenario", "target", "code", "reason")
_EXPLAINED = (
    "Right / wrong / not said. Detected: from the injection to the first diagnostic action. "
    "Recovered: from the effect, or the injection where that is not known."
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Refused(_Part):
    """A run that there was none of: the fence refused it."""

    scenario: str
    target: str
    code: str
    reason: str


class Verdicts(_Part):
    """How often something was right, wrong, or not said."""

    right: int = 0
    wrong: int = 0
    none: int = 0


class Took(_Part):
    """How long something took, of the runs in which it is known; in milliseconds."""

    count: int
    median_ms: int | None = None
    p95_ms: int | None = None
    """By the nearest rank: a value that was measured."""
    most_ms: int | None = None


class Group(_Part):
    """The runs of one scenario, or all of them."""

    runs: int
    teardown_failed: int
    endings: Mapping[str, int]
    agent_seen: int
    detected: int
    classification: Verdicts
    component: Verdicts
    remediation: Verdicts
    recovered_by: Mapping[RecoveredBy, int]
    detection_from_injection: Took
    detection_from_effect: Took
    recovery: Took
    stages: Mapping[Stage, Took]
    """Since the request."""


class Summary(_Part):
    """A batch."""

    version: int = 1
    planned: int
    refused: Mapping[str, Refused]
    """By the name of the run."""
    overall: Group
    scenarios: Mapping[str, Group]


def summarise(
    planned: int, reports: Sequence[RunReport], refused: Mapping[str, Refused]
) -> Summary:
    """Summarise what there is of so many runs that were planned."""
    names = sorted({each.scenario for each in reports})
    return Summary(
        planned=planned,
        refused=refused,
        overall=_group(reports),
        scenarios={
            name: _group([each for each in reports if each.scenario == name]) for name in names
        },
    )


def as_markdown(summary: Summary) -> str:
    """Return it for a person to read."""
    overall = summary.overall
    counted = (
        f"{overall.runs} of {summary.planned} runs evaluated, {len(summary.refused)} refused, "
        f"{overall.teardown_failed} whose teardown failed. An agent was heard in "
        f"{overall.agent_seen}."
    )
    lines = ["# Fault runs", "", counted, "", *_table(_COLUMNS)]
    lines += [_row(name, each) for name, each in summary.scenarios.items()]
    lines += [_row("all", overall), "", _EXPLAINED, "", *_table(_STAGES)]
    lines += [
        _cells(
            (str(stage), f"{took.count}", *map(_said, (took.median_ms, took.p95_ms, took.most_ms)))
        )
        for stage, took in overall.stages.items()
    ]
    if summary.refused:
        lines += ["", *_table(_REFUSALS)]
        lines += [
            _cells((name, each.scenario, each.target, each.code, each.reason))
            for name, each in summary.refused.items()
        ]
    return "\n".join(lines) + "\n"


def _group(reports: Sequence[RunReport]) -> Group:
    return Group(
        runs=len(reports),
        teardown_failed=sum(each.phase == "teardown_failed" for each in reports),
        endings=dict(sorted(Counter(str(each.ending) for each in reports).items())),
        agent_seen=sum(each.agent_seen for each in reports),
        detected=sum(each.detection.from_injection_ms is not None for each in reports),
        classification=_verdicts(each.class_right for each in reports),
        component=_verdicts(each.component_right for each in reports),
        remediation=_verdicts(each.remediation_right for each in reports),
        recovered_by=Counter(each.recovered_by for each in reports),
        detection_from_injection=_took(each.detection.from_injection_ms for each in reports),
        detection_from_effect=_took(each.detection.from_effect_ms for each in reports),
        recovery=_took(each.recovery_ms for each in reports),
        stages={
            stage: _took(
                at.ms if (at := each.stages.get(stage)) is not None else None for each in reports
            )
            for stage in Stage
        },
    )


def _verdicts(found: Iterable[bool | None]) -> Verdicts:
    counted = Counter(found)
    return Verdicts(right=counted[True], wrong=counted[False], none=counted[None])


def _took(milliseconds: Iterable[int | None]) -> Took:
    known = sorted(each for each in milliseconds if each is not None)
    if not known:
        return Took(count=0)
    return Took(
        count=len(known),
        median_ms=round(statistics.median(known)),
        p95_ms=known[math.ceil(0.95 * len(known)) - 1],
        most_ms=known[-1],
    )


def _row(name: str, group: Group) -> str:
    recovered = ", ".join(
        f"{by} {count}" for by in RecoveredBy if (count := group.recovered_by.get(by, 0))
    )
    cells = (
        name,
        f"{group.runs}",
        f"{group.detected}",
        *(_counts(each) for each in (group.classification, group.component, group.remediation)),
        recovered,
        _both(group.detection_from_injection),
        _both(group.recovery),
    )
    return _cells(cells)


def _counts(verdicts: Verdicts) -> str:
    return f"{verdicts.right} / {verdicts.wrong} / {verdicts.none}"


def _both(took: Took) -> str:
    return f"{_said(took.median_ms)} / {_said(took.p95_ms)}"


def _said(milliseconds: int | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds / 1000:.3f} s"


def _table(columns: Sequence[str]) -> Sequence[str]:
    return (_cells(columns), "|---" * len(columns) + "|")


def _cells(texts: Iterable[str]) -> str:
    inert = (each.replace("|", "\\|").replace("\n", " ") for each in texts)
    return f"| {' | '.join(inert)} |"
