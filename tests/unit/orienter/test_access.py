"""permission_revoked: a change and a log that agree, and what each is worth alone."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from factories.diagnosis import CHECKOUT, WEIGHTS, anomaly, case, change, saw
from factories.events import NAMESPACE, NOW
from ooda.common.findings import Finding
from ooda.common.known_good import KnownAccess
from ooda.common.targets import ServiceAccountTarget
from ooda.common.taxonomy import EvidenceFamily, FailureClass, Signal
from ooda.orienter.core.findings import About, Seen, unavailable
from ooda.orienter.core.fusion import fuse
from ooda.orienter.core.rules_access import (
    AccessFacts,
    read_account_logs,
    read_denials,
    read_permissions,
    recent_access_change,
)
from ooda.orienter.core.signs import Sign

ACCOUNT = ServiceAccountTarget(namespace=NAMESPACE, name="reader")
THRESHOLD = 0.90
DENIED = anomaly(Signal.ACCESS_DENIED, ACCOUNT)
TRIMMED = saw(
    "recent_access_changes", target=ACCOUNT, change=change("role/reader", target=ACCOUNT, ago=1)
)
RELABELLED = saw(
    "recent_access_changes", target=ACCOUNT, change=change("role/reader", target=ACCOUNT, ago=900)
)
UNCHANGED = saw("recent_access_changes", target=ACCOUNT)
SAID = saw("get_account_logs", Sign.LOG_ACCESS_DENIED, target=ACCOUNT)
HINTED = saw("get_account_logs", Sign.LOG_DENIED_VAGUELY, target=ACCOUNT)
QUIET = saw("get_account_logs", Sign.LOG_NOTHING_DENIED, target=ACCOUNT)
MISSING = saw("check_permissions", target=ACCOUNT)
BACK = saw("check_permissions", Sign.ACCESS_AS_GOOD, target=ACCOUNT)
DEAF = unavailable(About("get_account_logs", EvidenceFamily.LOGS, ACCOUNT, NOW), "away")
CRASH = [
    saw("inspect_workload", Sign.CRASH_BACK_OFF, Sign.ENDED_WITHOUT_OOM, Sign.ENOUGH_DESIRED),
    saw("describe_pod_events", Sign.EVENT_BACK_OFF),
    saw("recent_changes"),
    saw("get_pod_logs", Sign.LOG_ACCESS_DENIED, Sign.LOG_PANIC, points_at=(ACCOUNT,)),
]
LOOP = anomaly(Signal.CRASH_LOOP, CHECKOUT)


@pytest.mark.parametrize(
    ("findings", "sure"),
    [
        pytest.param([TRIMMED, MISSING, SAID], True, id="both-agree"),
        pytest.param([TRIMMED, MISSING, HINTED], False, id="the-log-does-not-say-what"),
        pytest.param([TRIMMED, MISSING, QUIET], False, id="the-change-alone"),
        pytest.param([TRIMMED, MISSING, DEAF], False, id="no-log-can-be-read"),
        pytest.param([UNCHANGED, SAID], False, id="the-log-alone"),
        pytest.param([RELABELLED, MISSING, SAID], False, id="long-ago"),
        pytest.param([TRIMMED, BACK, SAID], False, id="it-is-allowed-again"),
        pytest.param([UNCHANGED, BACK, SAID], False, id="it-was-never-taken-away"),
    ],
)
def test_it_is_sure_only_if_change_and_log_agree(findings: list[Finding], *, sure: bool) -> None:
    found = fuse(case([DENIED], findings), WEIGHTS)
    revoked = (FailureClass.PERMISSION_REVOKED, ACCOUNT)
    assert (
        (found.failure_class, found.component) == revoked and found.confidence >= THRESHOLD
    ) is sure
    if sure:
        assert set(found.agreeing) == {EvidenceFamily.LOGS, EvidenceFamily.RECENT_CHANGE}
        assert found.change is not None
        assert found.margin > 0.2


@pytest.mark.parametrize(
    "anomalies",
    [
        pytest.param([DENIED, LOOP], id="both-are-seen"),
        pytest.param([LOOP], id="only-the-loop-is-seen"),
    ],
)
def test_a_crash_loop_of_what_is_denied_is_not_its_own_fault(anomalies: list[Any]) -> None:
    found = fuse(case(anomalies, [*CRASH, TRIMMED, MISSING, SAID]), WEIGHTS)
    assert (found.failure_class, found.component) == (FailureClass.PERMISSION_REVOKED, ACCOUNT)
    assert found.hypotheses[0].unexplained == ()
    assert found.confidence > 0.85


def test_a_crash_loop_that_was_always_denied_something_is_judged_as_before() -> None:
    never = [saw("get_account_logs", Sign.LOG_NOTHING_DENIED, target=ACCOUNT), UNCHANGED]
    found = fuse(case([LOOP], [*CRASH, *never]), WEIGHTS)
    assert (found.failure_class, found.component) == (FailureClass.CRASH_LOOP, CHECKOUT)


GET = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
LIST = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
USER = f"system:serviceaccount:{NAMESPACE}:reader"
NO_GET = (
    f'configmaps "prices" is forbidden: User "{USER}" cannot get resource "configmaps" '
    f'in API group "" in the namespace "{NAMESPACE}"'
)
NO_DELETE = NO_GET.replace("cannot get", "cannot delete")
BINDING = {
    "roleRef": {"kind": "Role", "name": "reader"},
    "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": NAMESPACE}],
}
GOOD = KnownAccess(roles={"reader": (GET, LIST)}, role_bindings={"reader": BINDING})


def written(seconds: float, **body: Any) -> dict[str, Any]:
    at = (NOW + dt.timedelta(seconds=seconds)).isoformat()
    return {"metadata": {"managedFields": [{"time": at, "fieldsV1": {}}]}} | body


def facts(*rules: dict[str, Any], bound: bool = True, good: KnownAccess | None = GOOD) -> Any:
    bindings = {"reader": written(-900, **BINDING)} if bound else {}
    return AccessFacts(ACCOUNT, good, {"reader": written(-30, rules=list(rules))}, bindings)


def test_a_trimmed_role_is_the_change_since_when_it_was_written() -> None:
    seen = recent_access_change(facts(LIST), None)
    assert seen.change is not None
    assert seen.change.fields == ("role/reader",)
    assert seen.change.changed_at == NOW - dt.timedelta(seconds=30)
    assert "lost: get configmaps" in seen.excerpt


def test_what_left_no_time_changed_when_the_observer_saw_it() -> None:
    seen = recent_access_change(facts(), NOW)
    assert seen.change is not None
    assert seen.change.changed_at == NOW


def test_what_was_deleted_changed_when_the_observer_saw_it() -> None:
    at = NOW - dt.timedelta(seconds=3)
    seen = recent_access_change(facts(GET, LIST, bound=False), at)
    assert seen.change is not None
    assert ("rolebinding/reader" in seen.change.fields, seen.change.changed_at) == (True, at)
    unseen = recent_access_change(facts(GET, LIST, bound=False), None)
    assert unseen.change is None
    assert "not known when" in unseen.excerpt


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(facts(GET, LIST), id="as-it-was"),
        pytest.param(facts(LIST, GET | {"verbs": ["*"]}), id="widened"),
        pytest.param(facts(LIST, good=None), id="nothing-known"),
    ],
)
def test_without_a_loss_there_is_no_change(scene: AccessFacts) -> None:
    assert recent_access_change(scene, NOW).change is None


def test_that_nothing_is_missing_contradicts_and_that_something_is_says_no_more() -> None:
    assert read_permissions(facts(GET, LIST)).signs == {Sign.ACCESS_AS_GOOD}
    assert read_permissions(facts(LIST)).signs == frozenset()
    assert read_permissions(facts(LIST, good=None)).signs == frozenset()


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        pytest.param(NO_GET, Sign.LOG_ACCESS_DENIED, id="of-what-was-lost"),
        pytest.param(NO_DELETE, Sign.LOG_NOTHING_DENIED, id="of-what-it-never-might"),
        pytest.param("kubernetes: 403", Sign.LOG_DENIED_VAGUELY, id="vague"),
        pytest.param('"GET /orders" 403', Sign.LOG_NOTHING_DENIED, id="its-own-customers"),
        pytest.param("payment: 403 Forbidden", Sign.LOG_NOTHING_DENIED, id="an-upstream-service"),
        pytest.param("", Sign.LOG_NOTHING_DENIED, id="silence"),
    ],
)
def test_a_log_counts_only_for_what_was_lost(line: str, sign: Sign) -> None:
    seen: Seen = read_account_logs(facts(LIST), ["started", line])
    assert seen.signs == {sign}


def cluster_wide(
    name: str, at: float, made: float = -9000, **body: Any
) -> dict[str, dict[str, Any]]:
    found = written(at, **body)
    found["metadata"]["creationTimestamp"] = (NOW + dt.timedelta(seconds=made)).isoformat()
    return {name: found}


def to_role(name: str, **more: Any) -> dict[str, Any]:
    return {
        "roleRef": {"kind": "ClusterRole", "name": name},
        "subjects": [*BINDING["subjects"]],
    } | more


ROLES = cluster_wide("view", -20) | cluster_wide("other", -10)
BUILT_IN = {"kubernetes.io/bootstrapping": "rbac-defaults"}


def reaching(
    roles: dict[str, Any], bindings: dict[str, Any], *rules: dict[str, Any]
) -> AccessFacts:
    """Return an account that lost nothing by Roles, and what there is in the cluster."""
    own: AccessFacts = facts(*(rules or (GET, LIST)))
    return replace(own, cluster_roles=roles, cluster_bindings=bindings)


CLUSTER_CHANGES = {
    "its ClusterRole was changed": (
        reaching(ROLES, cluster_wide("all", -900, **to_role("view"))),
        ("clusterrole/view", "clusterrolebinding/all"),
        -20,
    ),
    "the binding was changed": (
        reaching({}, cluster_wide("all", -7, **to_role("view"))),
        ("clusterrolebinding/all",),
        -7,
    ),
    "they are as they were made": (
        reaching(
            cluster_wide("view", -20, made=-20),
            cluster_wide("all", -20, made=-20.5, **to_role("view")),
        ),
        (),
        None,
    ),
    "another account's": (
        reaching(ROLES, cluster_wide("all", -7, **to_role("view", subjects=[]))),
        (),
        None,
    ),
    "everybody's, as every cluster has it": (
        reaching(
            ROLES,
            {"basic": {"metadata": {"labels": BUILT_IN}} | to_role("view")},
        ),
        (),
        None,
    ),
}


@pytest.mark.parametrize(("scene", "fields", "at"), CLUSTER_CHANGES.values(), ids=CLUSTER_CHANGES)
def test_of_a_cluster_role_it_is_known_that_it_was_changed(
    scene: AccessFacts, fields: tuple[str, ...], at: float | None
) -> None:
    found = recent_access_change(scene, NOW).change
    if at is None:
        assert found is None
    else:
        assert found is not None
        assert set(found.fields) == set(fields)
        assert (found.changed_at, found.known_good) == (NOW + dt.timedelta(seconds=at), False)


def test_where_it_has_a_cluster_role_it_is_not_said_that_nothing_is_missing() -> None:
    bound = cluster_wide("all", -900, **to_role("view"))
    assert read_permissions(reaching({}, bound)).signs == frozenset()
    everybodys = {"basic": {"metadata": {"labels": BUILT_IN}} | to_role("view")}
    assert read_permissions(reaching({}, everybodys)).signs == {Sign.ACCESS_AS_GOOD}


def test_a_denial_of_what_no_role_gives_may_be_a_cluster_role_s_doing() -> None:
    scene = reaching({}, {})
    everywhere = NO_GET.replace(f'in the namespace "{NAMESPACE}"', "at the cluster scope")
    for line in (NO_DELETE, everywhere):
        assert read_account_logs(scene, [line]).signs == {Sign.LOG_DENIED_BEYOND_ROLES}
    assert read_account_logs(scene, [NO_GET]).signs == {Sign.LOG_NOTHING_DENIED}


BEYOND = saw("get_account_logs", Sign.LOG_DENIED_BEYOND_ROLES, target=ACCOUNT)
WIDE = saw(
    "recent_access_changes",
    target=ACCOUNT,
    change=change("clusterrole/view", target=ACCOUNT, ago=20).model_copy(
        update={"known_good": False}
    ),
)


def test_a_crash_loop_since_a_cluster_role_was_changed_is_that_role_s_doing() -> None:
    found = fuse(case([LOOP], [*CRASH, WIDE, BEYOND]), WEIGHTS)
    assert (found.failure_class, found.component) == (FailureClass.PERMISSION_REVOKED, ACCOUNT)
    assert found.confidence > 0.8


@pytest.mark.parametrize("more", [[], [BACK]], ids=["by-cluster-roles", "by-roles-all-is-there"])
def test_a_crash_loop_of_what_no_role_gives_is_for_a_person(more: list[Finding]) -> None:
    found = fuse(case([LOOP], [*CRASH, UNCHANGED, BEYOND, *more]), WEIGHTS)
    assert found.confidence < 0.7


def test_a_release_that_crashes_is_rolled_back_though_it_was_denied_what_no_role_gives() -> None:
    image = "spec.template.spec.containers[app].image"
    released = saw("recent_changes", change=change(image, ago=30))
    findings = [each for each in CRASH if each.tool != "recent_changes"]
    found = fuse(case([LOOP], [*findings, released, UNCHANGED, BEYOND]), WEIGHTS)
    assert (found.failure_class, found.component) == (FailureClass.CRASH_LOOP, CHECKOUT)
    assert found.confidence >= THRESHOLD


def test_a_log_of_a_workload_points_at_its_own_account_only() -> None:
    seen = read_denials([NO_GET], {"reader", "default"}, NAMESPACE)
    assert seen.signs == {Sign.LOG_ACCESS_DENIED}
    assert seen.points_at == (ACCOUNT,)
    assert read_denials([NO_GET], {"default"}, NAMESPACE) == Seen()
