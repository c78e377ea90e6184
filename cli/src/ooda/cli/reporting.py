"""The evaluation of a run in words. Pure."""

from collections.abc import Mapping

from ooda.common.run_reports import Chosen, RunReport, StageTime

_VERDICTS = {True: "right", False: "wrong", None: "-"}


def facts_of(report: RunReport) -> Mapping[str, str]:
    """Return what a person is told of a run, in order."""
    seen = "" if report.agent_seen else " (no agent was heard)"
    facts = {
        "run": f"{report.run_id}: {report.scenario} on {report.namespace}/{report.target}",
        "phase": f"{report.phase}{f', {report.ending}' if report.ending else ''}{seen}",
        "what is wrong": report.problem or "nothing",
        "truth": f"{report.truth.failure_class} in {report.truth.component}",
        "detected after": f"{_took(report.detection.from_injection_ms)} from the injection, "
        f"{_took(report.detection.from_effect_ms)} from the effect",
    }
    if report.diagnoses:
        last = report.diagnoses[-1]
        facts["diagnosis"] = f"{last.failure_class} in {last.component or 'nothing known'}"
    facts |= {
        "class": _VERDICTS[report.class_right],
        "component": _VERDICTS[report.component_right],
        "remediation": _VERDICTS[report.remediation_right],
        "recovered by": f"{report.recovered_by}, after {_took(report.recovery_ms)}",
    }
    if report.bystanders:
        facts["hit beside it"] = ", ".join(report.bystanders)
    for number, realised in enumerate(report.realised, start=1):
        facts[f"realised {number}"] = ", ".join(f"{key} {each:g}" for key, each in realised.items())
    for number, each in enumerate(report.remediations, start=1):
        facts[f"chosen {number}"] = _chosen(each)
    for stage, at in report.stages.items():
        facts[str(stage)] = _stage(at)
    return facts


def _took(milliseconds: int | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds / 1000:.3f} s"


def _stage(at: StageTime | None) -> str:
    if at is None:
        return "-"
    return f"{at.ms / 1000:+.3f} s  {at.at.isoformat(timespec='milliseconds')}"


def _chosen(each: Chosen) -> str:
    became = each.outcome or ("applied" if each.applied_at else "not applied")
    how = "proposed" if each.proposed else became
    return f"{each.action} on {each.target}: {how}, {_VERDICTS[each.accepted]}"
