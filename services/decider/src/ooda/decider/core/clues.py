"""The words in which the cluster itself says why, for the person who is asked. Pure.

What others wrote is shown, and nothing else comes of it.
"""

import re
from collections.abc import Iterator

from ooda.common.events import DiagnosisReady
from ooda.common.phrases import shortened
from ooda.common.targets import NodeTarget
from ooda.common.taxonomy import EvidenceFamily, FailureClass

CLUE = 500
"""Characters of it that are kept."""

_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,\s]+), requested: (?P<asked>.+), used: (?P<used>.+), "
    r"limited: (?P<most>[^\n]+)"
)
"""As the API server's quota admission has it (``apiserver/pkg/admission/plugin/resourcequota``)."""


def clue_of(diagnosis: DiagnosisReady) -> str:
    """Return a sentence with what says most of the failure class; empty if nothing was said."""
    if isinstance(diagnosis.component, NodeTarget):
        said = _first(diagnosis, EvidenceFamily.NODE, "The node")
        return shortened(said, CLUE)
    match diagnosis.failure_class:
        case FailureClass.UNSCHEDULABLE:
            said = _event(diagnosis, "The scheduler says", "FailedScheduling")
        case FailureClass.QUOTA_EXCEEDED:
            said = _quota(diagnosis)
        case FailureClass.PROBE_FAILURE:
            said = _event(diagnosis, "The kubelet says", "Unhealthy")
        case FailureClass.CONFIG_ERROR:
            said = _event(diagnosis, "The kubelet says", "Failed", "FailedMount")
        case _:
            said = ""
    return shortened(said or _first(diagnosis, EvidenceFamily.LOGS, "The log says"), CLUE)


def _first(diagnosis: DiagnosisReady, family: EvidenceFamily, who: str) -> str:
    found = (f.excerpt for f in diagnosis.findings if f.family is family and f.excerpt)
    said = next(found, "")
    return f"{who}: {said}" if said else ""


def _lines(diagnosis: DiagnosisReady, *families: EvidenceFamily) -> Iterator[str]:
    for each in diagnosis.findings:
        if each.family in families:
            yield from each.excerpt.splitlines()


def _event(diagnosis: DiagnosisReady, who: str, *reasons: str) -> str:
    for line in _lines(diagnosis, EvidenceFamily.EVENTS):
        if line.partition(" ")[0] in reasons:
            return f"{who}: {line.partition(': ')[2]}"
    return ""


def _quota(diagnosis: DiagnosisReady) -> str:
    for line in _lines(diagnosis, EvidenceFamily.EVENTS, EvidenceFamily.OBJECT_STATE):
        found = _QUOTA.search(line)
        if found is None:
            continue
        used, asked = _amounts(found["used"]), _amounts(found["asked"])
        parts = [
            f"{name} {most}, of which {used.get(name, '0')} are used and {asked[name]} asked for"
            for name, most in _amounts(found["most"]).items()
            if name in asked
        ]
        return f"Quota {found['name']} allows {'; '.join(parts)}."
    return ""


def _amounts(text: str) -> dict[str, str]:
    """Return the amounts by resource of a list such as ``pods=3,limits.memory=1Gi``."""
    pairs = (each.strip().partition("=") for each in text.split(","))
    return {name: amount for name, equals, amount in pairs if equals}
