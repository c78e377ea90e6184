import pytest

from factories.decider import ready
from factories.events import CHECKOUT, NOW
from ooda.common.findings import Finding
from ooda.common.taxonomy import EvidenceFamily, FailureClass
from ooda.decider.core.clues import clue_of

QUOTA = (
    'FailedCreate ReplicaSet/checkout-1: pods "x" is forbidden: exceeded quota: small, '
    "requested: limits.memory=64Mi,pods=1, used: limits.memory=192Mi,pods=3, "
    "limited: limits.memory=200Mi,pods=3"
)
EVENTS = f"""\
BackOff Pod/a: Back-off restarting failed container
FailedScheduling Pod/a: 0/3 nodes are available: 3 Insufficient cpu.
Unhealthy Pod/a: Readiness probe failed: HTTP probe failed with statuscode: 404
Failed Pod/a: Error: couldn't find key LEVEL in ConfigMap shop/flags
{QUOTA}"""
SMALL = (
    "Quota small allows limits.memory 200Mi, of which 192Mi are used and 64Mi asked for; "
    "pods 3, of which 3 are used and 1 asked for."
)


def found(family: EvidenceFamily, excerpt: str) -> Finding:
    return Finding(tool="a", family=family, target=CHECKOUT, observed_at=NOW, excerpt=excerpt)


@pytest.mark.parametrize(
    ("failure_class", "clue"),
    [
        (
            FailureClass.UNSCHEDULABLE,
            "The scheduler says: 0/3 nodes are available: 3 Insufficient cpu.",
        ),
        (
            FailureClass.PROBE_FAILURE,
            "The kubelet says: Readiness probe failed: HTTP probe failed with statuscode: 404",
        ),
        (
            FailureClass.CONFIG_ERROR,
            "The kubelet says: Error: couldn't find key LEVEL in ConfigMap shop/flags",
        ),
        (FailureClass.QUOTA_EXCEEDED, SMALL),
        (FailureClass.CRASH_LOOP, "The log says: panic: no"),
    ],
)
def test_who_knows_why_is_quoted(failure_class: FailureClass, clue: str) -> None:
    findings = (found(EvidenceFamily.LOGS, "panic: no"), found(EvidenceFamily.EVENTS, EVENTS))
    assert clue_of(ready(failure_class=failure_class, findings=findings)) == clue


@pytest.mark.parametrize("failure_class", FailureClass)
def test_where_nobody_said_anything_there_is_no_clue(failure_class: FailureClass) -> None:
    findings = (found(EvidenceFamily.EVENTS, "exceeded quota: of nonsense"),)
    assert clue_of(ready(failure_class=failure_class, findings=findings)) == ""


def test_a_quota_is_also_read_from_the_condition_of_the_workload() -> None:
    findings = (found(EvidenceFamily.OBJECT_STATE, QUOTA),)
    said = clue_of(ready(failure_class=FailureClass.QUOTA_EXCEEDED, findings=findings))
    assert said == SMALL
