"""Jobs and bare pods are for a person, whatever is wrong with them; DaemonSets are not."""

from dataclasses import replace
from typing import Any

import pytest

from factories.decider import CHANGE, GOOD, LIMITS, PLAYBOOK, ready
from factories.events import CHECKOUT, NAMESPACE, NOW
from ooda.common.approvals import Ground
from ooda.common.targets import PodTarget, Target, WorkloadTarget
from ooda.common.taxonomy import FailureClass, Mode
from ooda.decider.core.budgets import Budgets
from ooda.decider.core.facts import Facts, facts_of
from ooda.decider.core.policy import Act, Case, History, Judgement, Review, decide

AS_LOOKED_AT = Facts(Mode.AUTO)
"""What is known of a component on which there is no action."""


def judge(component: Target, failure_class: FailureClass, facts: Facts) -> Judgement:
    change = CHANGE.model_copy(update={"target": component})
    found = ready(component=component, failure_class=failure_class, change=change, margin=0.9)
    case = Case(found, History(), 1, "report-a", 1)
    return decide(case, PLAYBOOK[failure_class], facts, Budgets(), LIMITS, NOW)


def workload(kind: str, name: str) -> WorkloadTarget:
    return WorkloadTarget(namespace=NAMESPACE, workload_kind=kind, name=name)


PEOPLES = {
    "Job": (workload("Job", "report"), "For Job report: mend what made it fail, delete it and"),
    "CronJob": (workload("CronJob", "nightly"), "Mend CronJob nightly: its next Job is made from"),
    "pod": (PodTarget(namespace=NAMESPACE, name="alone"), "No controller would make pod alone"),
}


@pytest.mark.parametrize("failure_class", set(FailureClass) - {FailureClass.HEALTHY})
@pytest.mark.parametrize(("component", "words"), PEOPLES.values(), ids=PEOPLES)
def test_a_person_is_asked_and_told_what_to_do(
    component: Target, words: str, failure_class: FailureClass
) -> None:
    judgement = judge(component, failure_class, AS_LOOKED_AT)
    assert isinstance(judgement, Review)
    assert judgement.proposal is None
    assert words in judgement.reason


@pytest.mark.parametrize(
    ("by_hand", "parameters"), [(True, {"pod": "report-a"}), (False, {})], ids=["hand", "rolling"]
)
def test_a_roll_back_names_the_pod_that_nobody_would_replace(
    parameters: dict[str, str], *, by_hand: bool
) -> None:
    agent = workload("DaemonSet", "agent")
    facts = replace(GOOD, replicas=None, known_replicas=None, by_hand=by_hand)
    judgement = judge(agent, FailureClass.IMAGE_PULL_FAILURE, facts)
    assert isinstance(judgement, Act)
    assert judgement.request.parameters == parameters


@pytest.mark.parametrize(
    ("strategy", "by_hand"),
    [({"type": "OnDelete"}, True), ({"type": "RollingUpdate"}, False), (None, False)],
)
def test_who_replaces_pods_is_read_from_the_strategy(strategy: Any, *, by_hand: bool) -> None:
    live = {"spec": {"updateStrategy": strategy}}
    assert facts_of(Mode.AUTO, CHECKOUT, Ground(live, None), []).by_hand is by_hand
