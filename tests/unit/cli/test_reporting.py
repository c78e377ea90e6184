"""What a person is told of the evaluation of a run."""

from factories.run_reports import run_report
from ooda.cli.reporting import facts_of
from ooda.common.run_reports import Stage, StageTime
from ooda.common.taxonomy import Outcome


def test_with_an_agent() -> None:
    facts = facts_of(run_report())
    assert facts["truth"] == "image_pull_failure in Deployment fault-injection-shop/checkout"
    assert facts["detected after"] == "1.200 s from the injection, - from the effect"
    assert facts["recovered by"] == "agent, after 8.000 s"
    assert "hit beside it" not in facts
    assert (facts["class"], facts["remediation"]) == ("right", "right")
    assert facts["chosen 1"].endswith(f"{Outcome.KEPT}, right")
    assert facts["flagged"].startswith("+1.900 s  2026-11-25T12:00:01.900")


def test_what_was_counted_and_who_else_was_hit() -> None:
    hit = {"Deployment/web": run_report().diagnoses[0].at}
    facts = facts_of(run_report(bystanders=hit, realised=({"loss_percent": 29.8},)))
    assert (facts["hit beside it"], facts["realised 1"]) == ("Deployment/web", "loss_percent 29.8")


def test_without_one() -> None:
    facts = facts_of(
        run_report(
            agent_seen=False,
            class_right=None,
            detection={},
            diagnoses=(),
            remediations=(),
            stages=dict.fromkeys(Stage, None),
        )
    )
    assert facts["phase"] == "ended, expired (no agent was heard)"
    assert (facts["class"], facts["flagged"]) == ("-", "-")
    assert "diagnosis" not in facts


def test_a_stage_before_the_request_has_its_sign() -> None:
    early = StageTime(at=run_report().diagnoses[0].at, ms=-5, source="bus")
    facts = facts_of(run_report(stages={**dict.fromkeys(Stage, None), Stage.FLAGGED: early}))
    assert facts["flagged"].startswith("-0.005 s")
