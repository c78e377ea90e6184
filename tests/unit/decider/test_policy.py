from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.decider import CHANGE, GOOD, IMAGE, LIMITS, PLAYBOOK, later, ready
from factories.events import CHECKOUT, NAMESPACE, NOW
from ooda.common.approvals import Ground
from ooda.common.events import Approval
from ooda.common.targets import NodeTarget, PodTarget, ServiceTarget, WorkloadTarget
from ooda.common.taxonomy import ActionKind, EvidenceFamily, FailureClass, Mode
from ooda.decider.core.budgets import Budgets, Reservation
from ooda.decider.core.facts import Facts
from ooda.decider.core.policy import (
    Act,
    Approved,
    Case,
    History,
    Judgement,
    Review,
    StandDown,
    Wait,
    decide,
)


def judge(
    facts: Facts = GOOD,
    budgets: Budgets | None = None,
    case: dict[str, Any] | None = None,
    **diagnosis: Any,
) -> Judgement:
    found = ready(**diagnosis)
    fields: dict[str, Any] = {
        "diagnosis": found,
        "history": History(),
        "open_anomalies": 1,
        "pod": "checkout-1",
        "recent_incidents": 1,
    }
    row = PLAYBOOK[found.failure_class]
    return decide(Case(**fields | (case or {})), row, facts, budgets or Budgets(), LIMITS, NOW)


def used(number: int, **given: Any) -> Budgets:
    return Budgets(
        reservations=tuple(
            Reservation(
                **{
                    "action_id": f"a{n}",
                    "incident_id": "other",
                    "workload": str(CHECKOUT),
                    "namespace": NAMESPACE,
                    "reserved_at": later(-600),
                    "ended_at": later(-500),
                }
                | given
            )
            for n in range(number)
        )
    )


def test_a_bad_image_that_came_with_a_change_is_rolled_back() -> None:
    judgement = judge()
    assert isinstance(judgement, Act)
    assert judgement.request.action is ActionKind.ROLL_BACK_WORKLOAD


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"confidence": 0.89}, "Confidence 0.890 is below 0.90."),
    ({"margin": 0.19}, "Margin 0.190 is below 0.20."),
    ({"margin": float("nan")}, "Margin nan is below 0.20."),
    (
        {"agreeing": (EvidenceFamily.LOGS, EvidenceFamily.LOGS)},
        "Evidence families that agree: 1 of 2 needed.",
    ),
    ({"change": None}, "no action"),
    ({"component": PodTarget(namespace=NAMESPACE, name="checkout-1")}, "no action"),
    ({"facts": replace(GOOD, owner="Argo CD (x=y)")}, "belongs to Argo CD"),
    ({"facts": replace(GOOD, exists=False)}, "is not there"),
    ({"facts": replace(GOOD, mode=Mode.PROPOSE)}, "is in propose mode"),
    ({"case": {"recent_incidents": 6}}, "Storm: 6 incidents within 300 s"),
    ({"case": {"history": History(unhelpful=2)}}, "2 attempts did not help"),
    ({"case": {"history": History(handed_over="it was refused")}}, "it was refused"),
    ({"budgets": used(3)}, "3 of 3 actions within 3600 s"),
    ({"budgets": used(6, workload="another")}, f"namespace {NAMESPACE}: 6 of 6"),
    ({"budgets": used(12, workload="another", namespace="b")}, "the cluster: 12 of 12"),
    (
        {
            "component": WorkloadTarget(
                namespace="kube-system", workload_kind="Deployment", name="d"
            )
        },
        "the agent's own or the system's",
    ),
]


@pytest.mark.parametrize(
    ("update", "rolls_back"),
    [
        pytest.param({}, True, id="template"),
        pytest.param({"fields": ("configmap/checkout.data.flag", IMAGE)}, True, id="both"),
        pytest.param({"fields": ("configmap/checkout.data.flag",)}, False, id="config-map"),
        pytest.param({"fields": ("spec.replicas",)}, False, id="replicas"),
        pytest.param({"fields": ()}, False, id="not-known"),
        pytest.param({"known_good": False}, False, id="nothing-to-go-back-to"),
    ],
)
@pytest.mark.parametrize(
    "failure_class", [FailureClass.CRASH_LOOP, FailureClass.IMAGE_PULL_FAILURE]
)
def test_only_a_change_of_the_template_is_rolled_back(
    update: dict[str, Any], *, rolls_back: bool, failure_class: FailureClass
) -> None:
    judgement = judge(
        change=CHANGE.model_copy(update=update), failure_class=failure_class, case={"pod": None}
    )
    assert isinstance(judgement, Act if rolls_back else Review)
    if isinstance(judgement, Review):
        assert judgement.proposal is None


ROWS: list[tuple[FailureClass, dict[str, Any], ActionKind | None]] = [
    (FailureClass.UNSCHEDULABLE, {}, ActionKind.ROLL_BACK_WORKLOAD),
    (FailureClass.UNSCHEDULABLE, {"change": None}, None),
    (FailureClass.UNSCHEDULABLE, {"facts": replace(GOOD, known_template=False)}, None),
    (FailureClass.BAD_RELEASE, {}, ActionKind.ROLL_BACK_WORKLOAD),
    (FailureClass.BAD_RELEASE, {"change": None}, None),
    (FailureClass.QUOTA_EXCEEDED, {}, None),
    (FailureClass.PROBE_FAILURE, {}, ActionKind.ROLL_BACK_WORKLOAD),
    (FailureClass.PROBE_FAILURE, {"change": None}, ActionKind.RESTART_POD),
    (
        FailureClass.PROBE_FAILURE,
        {"change": None, "case": {"history": History(frozenset({ActionKind.RESTART_POD}), 1)}},
        None,
    ),
    (FailureClass.PROBE_FAILURE, {"change": None, "case": {"pod": None}}, None),
]


@pytest.mark.parametrize(("failure_class", "situation", "action"), ROWS)
def test_a_row_is_gone_through_in_its_order(
    failure_class: FailureClass, situation: dict[str, Any], action: ActionKind | None
) -> None:
    judgement = judge(failure_class=failure_class, **situation)
    if action is None:
        assert isinstance(judgement, Review)
        assert judgement.proposal is None
    else:
        assert isinstance(judgement, Act)
        assert judgement.request.action is action


FRONT = ServiceTarget(namespace=NAMESPACE, name="checkout")
LEADS = Facts(mode=Mode.AUTO, opted_in=True, exists=True, known_service=True)
MISROUTED: dict[str, Any] = {
    "failure_class": FailureClass.SERVICE_MISROUTED,
    "component": FRONT,
    "change": CHANGE.model_copy(update={"target": FRONT, "fields": ("spec.selector.app",)}),
}


def test_a_service_is_rolled_back_and_judged_by_its_symptom_alone() -> None:
    judgement = judge(facts=LEADS, **MISROUTED)
    assert isinstance(judgement, Act)
    request = judgement.request
    assert (request.action, request.target) == (ActionKind.ROLL_BACK_SERVICE, FRONT)
    assert request.parameters == {}
    assert request.verification.symptom_gone
    assert not request.verification.workload_ready


@pytest.mark.parametrize(
    ("facts", "more"),
    [
        (LEADS, {"change": None}),
        (replace(LEADS, known_service=False), {}),
        (replace(LEADS, owner="Argo CD (x=y)"), {}),
        (replace(LEADS, exists=False), {}),
        (replace(LEADS, mode=Mode.PROPOSE), {}),
        (LEADS, {"budgets": used(3, workload=str(FRONT))}),
    ],
    ids=["nothing changed", "nothing to go back to", "owned", "gone", "propose", "budget"],
)
def test_a_service_is_left_to_a_person(facts: Facts, more: dict[str, Any]) -> None:
    assert isinstance(judge(facts=facts, **MISROUTED | more), Review)


@pytest.mark.parametrize("failure_class", FailureClass)
def test_no_action_on_a_workload_is_done_to_a_service(failure_class: FailureClass) -> None:
    judgement = judge(facts=LEADS, **MISROUTED | {"failure_class": failure_class})
    if isinstance(judgement, Act):
        assert judgement.request.action is ActionKind.ROLL_BACK_SERVICE


CONFIG = CHANGE.model_copy(update={"fields": ("configmap/checkout.data.LEVEL",)})
CONFIG_GOOD = replace(GOOD, config_map="checkout")


@pytest.mark.parametrize("failure_class", [FailureClass.CONFIG_ERROR, FailureClass.CRASH_LOOP])
def test_a_change_of_a_config_map_is_taken_back_in_the_config_map(
    failure_class: FailureClass,
) -> None:
    judgement = judge(facts=CONFIG_GOOD, change=CONFIG, failure_class=failure_class)
    assert isinstance(judgement, Act)
    assert judgement.request.action is ActionKind.ROLL_BACK_CONFIG_MAP
    assert judgement.request.target == CHECKOUT
    assert judgement.request.parameters == {"config_map": "checkout"}
    assert judgement.request.verification.workload_ready


CONFIG_ERRORS: list[tuple[dict[str, Any], ActionKind | None]] = [
    ({"change": CHANGE}, ActionKind.ROLL_BACK_WORKLOAD),
    ({"change": CHANGE, "facts": CONFIG_GOOD}, ActionKind.ROLL_BACK_WORKLOAD),
    (
        {
            "change": CHANGE,
            "facts": CONFIG_GOOD,
            "case": {"history": History(frozenset({ActionKind.ROLL_BACK_WORKLOAD}), 1)},
        },
        ActionKind.ROLL_BACK_CONFIG_MAP,
    ),
    ({"change": CONFIG, "facts": GOOD}, None),
    ({"change": None, "facts": CONFIG_GOOD}, None),
    ({"change": CONFIG, "facts": replace(CONFIG_GOOD, config_map_owner="Flux (x=y)")}, None),
]


@pytest.mark.parametrize(("situation", "action"), CONFIG_ERRORS)
def test_what_is_missing_comes_back_from_where_it_went(
    situation: dict[str, Any], action: ActionKind | None
) -> None:
    judgement = judge(failure_class=FailureClass.CONFIG_ERROR, **situation)
    if action is None:
        assert isinstance(judgement, Review)
    else:
        assert isinstance(judgement, Act)
        assert judgement.request.action is action


@pytest.mark.parametrize(("situation", "reason"), REFUSALS)
def test_each_check_alone_sends_it_to_a_person(situation: dict[str, Any], reason: str) -> None:
    judgement = judge(**situation)
    assert isinstance(judgement, Review)
    assert reason in judgement.reason


def test_what_is_out_of_the_window_does_not_count() -> None:
    old = used(9, reserved_at=later(-4000), ended_at=later(-3900))
    assert isinstance(judge(budgets=old), Act)


@pytest.mark.parametrize(
    ("budgets", "until"),
    [
        pytest.param(used(1, ended_at=None), later(2), id="in-flight"),
        pytest.param(used(1, ended_at=later(-20)), later(40), id="cooling-down"),
    ],
)
def test_a_workload_that_is_busy_is_waited_for(budgets: Budgets, until: object) -> None:
    judgement = judge(budgets=budgets)
    assert isinstance(judgement, Wait)
    assert judgement.until == until


@pytest.mark.parametrize(
    ("situation", "until"),
    [
        pytest.param({"facts": replace(GOOD, mode=Mode.OBSERVE)}, None, id="observe"),
        pytest.param({"case": {"open_anomalies": 0}}, None, id="nothing-open"),
        pytest.param({"failure_class": FailureClass.HEALTHY}, later(120), id="healthy"),
        pytest.param({"failure_class": FailureClass.POD_KILLED}, later(60), id="replaced"),
    ],
)
def test_standing_down(situation: dict[str, Any], until: object) -> None:
    judgement = judge(**situation)
    assert isinstance(judgement, StandDown)
    assert judgement.until == until


SHORT = replace(GOOD, replicas=0, known_replicas=2)


def test_replicas_are_brought_back_unless_an_autoscaler_sets_them() -> None:
    judgement = judge(failure_class=FailureClass.REPLICA_SHORTFALL, facts=SHORT)
    assert isinstance(judgement, Act)
    scaled = judge(
        failure_class=FailureClass.REPLICA_SHORTFALL, facts=replace(SHORT, autoscaler="h")
    )
    assert isinstance(scaled, Review)
    assert "HorizontalPodAutoscaler h" in scaled.reason


def test_a_stateful_set_is_rolled_back_with_the_pod_that_shows_it() -> None:
    component = CHECKOUT.model_copy(update={"workload_kind": "StatefulSet"})
    judgement = judge(component=component)
    assert isinstance(judgement, Act)
    assert judgement.request.action is ActionKind.ROLL_BACK_WORKLOAD
    assert judgement.request.parameters == {"pod": "checkout-1"}


OOM: dict[str, Any] = {"failure_class": FailureClass.OOM_KILLED}
LIMITED = replace(GOOD, memory_limited=True)


def test_a_lowered_limit_is_rolled_back_before_any_is_raised() -> None:
    fields = ("spec.template.spec.containers[app].resources.limits.memory",)
    lowered = CHANGE.model_copy(update={"fields": fields})
    judgement = judge(LIMITED, change=lowered, **OOM)
    assert isinstance(judgement, Act)
    assert judgement.request.action is ActionKind.ROLL_BACK_WORKLOAD


@pytest.mark.parametrize("tried", [False, True])
def test_a_limit_is_raised_where_there_is_nothing_to_go_back_to(*, tried: bool) -> None:
    rolled = History(tried=frozenset({ActionKind.ROLL_BACK_WORKLOAD}), unhelpful=1)
    judgement = (
        judge(LIMITED, case={"history": rolled}, **OOM)
        if tried
        else judge(LIMITED, change=None, **OOM)
    )
    assert isinstance(judgement, Act)
    assert judgement.request.action is ActionKind.RAISE_MEMORY_LIMIT
    assert judgement.request.parameters == {"pod": "checkout-1"}


@pytest.mark.parametrize(
    ("facts", "case"),
    [(GOOD, {}), (LIMITED, {"pod": None})],
    ids=["no limit to raise", "no pod that shows it"],
)
def test_no_limit_is_raised_blindly(facts: Facts, case: dict[str, Any]) -> None:
    judgement = judge(facts, change=None, case=case, **OOM)
    assert isinstance(judgement, Review)
    assert judgement.proposal is None


def test_a_pod_is_restarted_by_its_name_where_nothing_changed() -> None:
    crash: dict[str, Any] = {"failure_class": FailureClass.CRASH_LOOP, "change": None}
    sure, unsure = judge(confidence=0.91, **crash), judge(confidence=0.89, **crash)
    assert isinstance(sure, Act)
    assert sure.request.parameters == {"pod": "checkout-1"}
    assert isinstance(unsure, Review)
    assert unsure.proposal is not None


NODE = NodeTarget(name="worker")
LOST: dict[str, Any] = {
    "failure_class": FailureClass.NODE_NOT_READY,
    "component": NODE,
    "change": None,
    "confidence": 0.97,
}
HERE = Facts(mode=Mode.AUTO, exists=True, schedulable=True, others_ready=True)


def test_a_lost_node_is_cordoned_without_asking_whether_it_is_cured_by_that() -> None:
    judgement = judge(HERE, **LOST)
    assert isinstance(judgement, Act)
    assert judgement.request.action is ActionKind.CORDON_NODE
    assert judgement.request.target == NODE
    assert not judgement.request.verification.symptom_gone
    assert not judgement.request.verification.workload_ready
    assert judgement.reservation.workload == "node worker"


@pytest.mark.parametrize(
    ("situation", "reason", "proposed"),
    [
        ({"facts": replace(HERE, mode=Mode.PROPOSE)}, "Node worker is in propose mode.", True),
        ({"facts": replace(HERE, exists=False)}, "node worker is not there", True),
        ({"facts": replace(HERE, schedulable=False)}, "no action", False),
        ({"facts": replace(HERE, others_ready=False)}, "no action", False),
        ({"confidence": 0.94}, "Confidence 0.940 is below 0.95.", True),
        ({"agreeing": (EvidenceFamily.NODE,)}, "1 of 2 needed", True),
        ({"budgets": used(6, workload="node other", namespace="")}, "all nodes: 6 of 6", True),
    ],
)
def test_a_node_is_not_cordoned_alone(
    situation: dict[str, Any], reason: str, *, proposed: bool
) -> None:
    judgement = judge(**{"facts": HERE} | LOST | situation)
    assert isinstance(judgement, Review)
    assert reason in judgement.reason
    assert (judgement.proposal is not None) is proposed


def test_what_did_not_help_is_not_tried_again() -> None:
    tried = History(tried=frozenset({ActionKind.ROLL_BACK_WORKLOAD}), unhelpful=1)
    assert isinstance(judge(case={"history": tried}), Review)


@given(
    confidence=st.floats(0, 1),
    margin=st.floats(),
    families=st.sets(st.sampled_from(EvidenceFamily)),
    failure_class=st.sampled_from(FailureClass),
    mode=st.sampled_from(Mode),
    replicas=st.none() | st.integers(0, 3),
    taken=st.integers(0, 4),
)
def test_whatever_comes_it_answers_and_acts_only_within_all_limits(
    confidence: float,
    margin: float,
    families: set[EvidenceFamily],
    failure_class: FailureClass,
    mode: Mode,
    replicas: int | None,
    taken: int,
) -> None:
    judgement = judge(
        facts=replace(GOOD, mode=mode, replicas=replicas),
        budgets=used(taken),
        confidence=confidence,
        margin=margin,
        agreeing=tuple(families),
        failure_class=failure_class,
    )
    assert judgement.reason
    if isinstance(judgement, Act):
        assert mode is Mode.AUTO
        assert confidence >= LIMITS.thresholds[judgement.request.risk]
        assert margin >= LIMITS.margin
        assert len(families) >= LIMITS.families
        assert taken < LIMITS.per_workload


TEMPLATE: dict[str, Any] = {"spec": {"containers": []}}
GROUND = Ground({"metadata": {"uid": "u"}, "spec": {"template": TEMPLATE}}, None, None)
CHANGED = Ground({"metadata": {"uid": "u"}, "spec": {"template": {}}}, None, None)


def consent(ground: Ground) -> Approved:
    """Return an approval of what is proposed, on a state."""
    proposed = judge(facts=replace(GOOD, mode=Mode.PROPOSE, ground=GROUND))
    assert isinstance(proposed, Review)
    assert proposed.proposal is not None
    basis = ground.basis(proposed.proposal)
    assert basis is not None
    approval = Approval(review_id="r", answer_id="a", person="alice", answered_at=NOW, basis=basis)
    return Approved(approval, proposed.proposal)


@given(
    confidence=st.floats(0, 1),
    mode=st.sampled_from(Mode),
    owner=st.sampled_from([None, "Helm"]),
    approved=st.sampled_from([None, consent(GROUND), consent(CHANGED)]),
    spent=st.integers(0, 12),
)
def test_below_the_threshold_or_in_propose_only_a_valid_approval_acts(
    confidence: float, mode: Mode, owner: str | None, approved: Approved | None, spent: int
) -> None:
    judgement = judge(
        facts=replace(GOOD, mode=mode, owner=owner, ground=GROUND),
        budgets=used(spent),
        case={"approved": approved},
        confidence=confidence,
    )
    valid = approved is not None and approved.approval == consent(GROUND).approval
    alone = confidence >= 0.9 and mode is Mode.AUTO and owner is None and spent < 3
    assert isinstance(judgement, Act) == (mode is not Mode.OBSERVE and (alone or valid))
    if isinstance(judgement, Act):
        assert (judgement.approval is not None) == valid
    if isinstance(judgement, Review):
        assert judgement.refusals[0] == judgement.reason


@pytest.mark.parametrize(
    ("situation", "judged"),
    [
        ({"budgets": used(1, ended_at=None)}, Wait),
        ({"budgets": used(1, ended_at=later(-20))}, Act),
        ({"case": {"history": History(unhelpful=2)}}, Review),
        ({"facts": replace(GOOD, exists=False, ground=GROUND)}, Review),
        ({"case": {"open_anomalies": 0}}, StandDown),
        ({"change": None}, Review),
    ],
)
def test_what_an_approval_overrides_and_what_not(
    situation: dict[str, Any], judged: type[Judgement]
) -> None:
    case: dict[str, Any] = {"approved": consent(GROUND)} | situation.pop("case", {})
    facts = situation.pop("facts", replace(GOOD, mode=Mode.PROPOSE, ground=GROUND))
    assert isinstance(judge(facts=facts, case=case, **situation), judged)
