"""A reduction of rights is on trial: only what is denied in logs makes it an anomaly."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.objects import NAMESPACE, meta, pod
from factories.observed import Observed, healthy
from ooda.common.cluster.interface import Alive
from ooda.common.cluster.kinds import Kind
from ooda.common.targets import ServiceAccountTarget, WorkloadTarget
from ooda.common.taxonomy import Signal
from ooda.observer.core.access import PERIODS, TRIAL_SECONDS
from ooda.observer.core.inputs import Heard, Listen
from ooda.observer.core.judge import CLEAR_SECONDS
from ooda.observer.core.sources import WATCHED

Raw = dict[str, Any]
ACCOUNT = ServiceAccountTarget(namespace=NAMESPACE, name="reader")
USER = f"system:serviceaccount:{NAMESPACE}:reader"
GET = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
LIST = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}
NO_GET = (
    f'configmaps "prices" is forbidden: User "{USER}" cannot get resource "configmaps" '
    f'in API group "" in the namespace "{NAMESPACE}"'
)
NO_DELETE = NO_GET.replace("cannot get", "cannot delete")
POD = "checkout-1-a"


def role(*rules: Raw, name: str = "reader") -> Raw:
    return {"kind": "Role", "metadata": meta(name, uid=f"role-{name}"), "rules": list(rules)}


def binding(name: str = "reader", to: str = "reader", kind: str = "Role") -> Raw:
    return {
        "kind": "RoleBinding",
        "metadata": meta(name, uid=f"binding-{name}"),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": to},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": NAMESPACE}],
    }


def running() -> list[Raw]:
    return [*healthy()[:-1], pod(POD, spec={"serviceAccountName": "reader"})]


class Shop(Observed):
    """A healthy workload whose account reads ConfigMaps and lists pods, known to be good."""

    def __init__(self, *grants: Raw) -> None:
        super().__init__(*running(), *(grants or (role(GET, LIST), binding())))
        self.wait(45)

    def hear(self, *lines: str, after: float = 0.0, pod: str = POD) -> None:
        at = (self.now + dt.timedelta(seconds=after)).isoformat().replace("+00:00", "Z")
        log = "\n".join(f"{at} {line}" for line in lines)
        self.give(Heard(NAMESPACE, "reader", ((pod, log),)))

    @property
    def listened(self) -> list[Listen]:
        return [each for each in self.said if isinstance(each, Listen)]


def test_what_an_account_is_granted_is_remembered_while_its_workload_is_healthy() -> None:
    shop = Shop()
    good = shop.remembered[-1].spec.service_accounts["reader"]
    assert good.roles == {"reader": (GET, LIST)}
    assert good.role_bindings["reader"]["roleRef"]["name"] == "reader"
    assert not shop.listened


def test_a_reduction_and_a_denial_of_what_was_lost_are_an_anomaly_of_the_account() -> None:
    shop = Shop()
    shop.tell(role(LIST))
    shop.wait(1)
    assert [(e.account, e.containers) for e in shop.listened] == [
        ("reader", ((POD, "app", False),))
    ]
    assert shop.signals == []
    shop.hear("ready", NO_GET)
    (event,) = shop.flags
    assert (event.signal, event.target, event.pod) == (Signal.ACCESS_DENIED, ACCOUNT, POD)
    assert "is denied what it was allowed: get configmaps" in event.summary
    assert event.observed["changed_grants"] == "role/reader"
    assert event.related == (
        WorkloadTarget(namespace=NAMESPACE, workload_kind="Deployment", name="checkout"),
    )
    shop.hear(NO_GET)
    assert len(shop.flags) == 1


@dataclass(frozen=True)
class Change:
    """What was done to the grants, and whether what the account lost by it can be denied."""

    after: tuple[Raw, ...] = ()
    gone: tuple[Raw, ...] = ()
    harms: bool = True
    named: str = "role/reader"


CHANGES = {
    "a verb is taken from a Role": Change((role(LIST),)),
    "a Role is emptied": Change((role(),)),
    "a Role is deleted": Change(gone=(role(),)),
    "a RoleBinding is deleted": Change(gone=(binding(),), named="rolebinding/reader"),
    "a RoleBinding names nobody any more": Change(
        (binding() | {"subjects": []},), named="rolebinding/reader"
    ),
    "a Role is narrowed to other objects": Change((role(LIST, GET | {"resourceNames": ["x"]}),)),
    "a Role is widened": Change((role(GET, LIST, LIST | {"verbs": ["delete"]}),), harms=False),
    "a Role is put in other words": Change(
        (role(LIST, GET | {"verbs": ["*"]}, GET | {"resources": ["*"]}),), harms=False
    ),
    "an equal one by another name takes its place": Change(
        (role(GET, LIST, name="new"), binding("new", "new")), (binding(), role()), harms=False
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_only_what_was_lost_can_be_denied(change: Change) -> None:
    shop = Shop()
    for each in change.after:
        shop.tell(each)
    for each in change.gone:
        shop.tell(each, "deleted")
    shop.wait(1)
    shop.hear(NO_GET)
    assert shop.signals == ([Signal.ACCESS_DENIED] if change.harms else [])
    for event in shop.flags:
        assert event.observed["changed_grants"] == change.named


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("served 200", id="nothing"),
        pytest.param(NO_DELETE, id="denied-what-it-never-might"),
        pytest.param(NO_GET.replace(":reader", ":other"), id="another-account"),
        pytest.param(NO_GET.replace(NAMESPACE, "elsewhere"), id="another-namespace"),
        pytest.param('"GET /orders HTTP/1.1" 403', id="its-own-customers"),
        pytest.param("payment answered: status code 403 Forbidden", id="an-upstream-service"),
    ],
)
def test_a_reduction_that_nobody_misses_flags_nothing_and_is_good_in_the_end(line: str) -> None:
    shop = Shop()
    shop.tell(role(LIST))
    for _ in range(5):
        shop.wait(1)
        shop.hear(line)
    assert shop.signals == []
    known = shop.namespace.known.service_accounts["reader"]
    assert known.roles == {"reader": (GET, LIST)}, "it is on trial"
    shop.wait(TRIAL_SECONDS + 10)
    known = shop.namespace.known.service_accounts["reader"]
    assert known.roles == {"reader": (LIST,)}
    listened = len(shop.listened)
    shop.wait(60)
    assert (len(shop.listened), shop.signals) == (listened, [])


def test_a_denial_without_a_reduction_flags_nothing_and_nobody_listens() -> None:
    shop = Shop()
    shop.hear(NO_GET, NO_DELETE)
    shop.wait(20)
    assert (shop.signals, shop.listened) == ([], [])


def test_what_was_denied_before_the_reduction_is_not_its_effect() -> None:
    shop = Shop()
    shop.tell(role(LIST))
    shop.wait(1)
    shop.hear(NO_GET, after=-30)
    assert shop.signals == []


def test_it_is_cleared_when_the_right_is_back_and_not_before() -> None:
    shop = Shop()
    shop.tell(role(LIST))
    shop.wait(1)
    shop.hear(NO_GET)
    shop.wait(60)
    assert shop.clears == []
    shop.tell(role(LIST, GET))
    shop.wait(4)
    assert shop.clears == [Signal.ACCESS_DENIED]
    shop.hear(NO_GET, after=-10)
    assert len(shop.flags) == 1


def test_what_is_granted_by_other_means_is_cleared_when_nothing_is_denied_for_long() -> None:
    shop = Shop()
    shop.tell(role(LIST))
    shop.wait(1)
    shop.hear(NO_GET)
    shop.wait(TRIAL_SECONDS + 20)
    assert shop.clears == [Signal.ACCESS_DENIED]


def test_a_restarted_observer_knows_it_and_says_it_once() -> None:
    before = Shop()
    before.tell(role(LIST))
    before.wait(1)
    before.hear(NO_GET)
    catalog = {
        "kind": "KnownGood",
        "metadata": meta("catalog"),
        "spec": before.namespace.known.model_dump(mode="json", by_alias=True),
    }
    after = Observed(*running(), catalog, role(LIST), binding(), flagged=tuple(before.flags))
    after.wait(30)
    assert (after.signals, after.clears) == ([], [])
    assert any(isinstance(each, Listen) for each in after.said)
    after.tell(role(LIST, GET))
    after.wait(4)
    assert after.clears == [Signal.ACCESS_DENIED]


def test_a_reduction_while_the_observer_was_away_is_seen_by_the_next_one() -> None:
    catalog = {
        "kind": "KnownGood",
        "metadata": meta("catalog"),
        "spec": Shop().namespace.known.model_dump(mode="json", by_alias=True),
    }
    shop = Observed(*running(), catalog, role(LIST), binding())
    shop.wait(2)
    at = shop.now.isoformat()
    shop.give(Heard(NAMESPACE, "reader", ((POD, f"{at} {NO_GET}"),)))
    assert shop.signals == [Signal.ACCESS_DENIED]


def test_blind_for_roles_it_neither_flags_nor_clears() -> None:
    shop = Shop()
    shop.tell(role(LIST))
    shop.wait(1)
    shop.hear(NO_GET)
    shop.wait(100, alive=False)
    assert Kind.ROLE in shop.state.blind
    shop.tell(role(LIST, GET))
    shop.wait(10, alive=False)
    assert shop.clears == []


def test_a_cluster_role_that_is_bound_no_more_is_missed_by_any_denial_that_says_what() -> None:
    shop = Shop(binding(to="view", kind="ClusterRole"))
    shop.tell(binding(to="view", kind="ClusterRole"), "deleted")
    shop.wait(1)
    shop.hear("kubernetes: 403", NO_GET)
    assert shop.signals == [Signal.ACCESS_DENIED]
    assert "what ClusterRole view allows" in shop.flags[0].summary


def test_nobody_is_listened_to_more_often_than_said() -> None:
    shop = Shop()
    shop.tell(role(LIST))
    shop.wait(60)
    assert 60 / PERIODS[0] - 2 <= len(shop.listened) <= 60 / PERIODS[0] + 1


def test_pods_of_jobs_that_are_over_do_not_keep_from_those_that_run() -> None:
    shop = Shop()
    for number in range(5):
        name, owner = f"a-job-{number}", ("Job", "a-job")
        body = pod(name, phase="Succeeded", ready=False, owner=owner, containers=[])
        body["spec"]["serviceAccountName"] = "reader"
        shop.tell(body, "added")
    shop.tell(role(LIST))
    shop.wait(1)
    assert shop.listened[0].containers == ((POD, "app", False),)


def test_an_account_that_no_pod_uses_is_not_looked_at() -> None:
    shop = Observed(*healthy(), role(GET), binding())
    shop.wait(45)
    shop.tell(role())
    shop.wait(5)
    assert not [each for each in shop.said if isinstance(each, Listen)]
    assert "reader" not in shop.namespace.known.service_accounts


def test_what_the_catalogue_has_no_room_for_is_left_out_and_not_tried_for_ever() -> None:
    many = [GET | {"resourceNames": [f"{number:0200}"]} for number in range(5000)]
    shop = Shop(role(*many), binding())
    assert "reader" not in shop.namespace.known.service_accounts
    assert len(shop.remembered) == 1  # of the workload
    assert not shop.listened


RULES = st.lists(
    st.fixed_dictionaries(
        {
            "apiGroups": st.just([""]),
            "resources": st.lists(st.sampled_from(["configmaps", "pods", "*"]), max_size=2),
            "verbs": st.lists(st.sampled_from(["get", "list", "*"]), max_size=2),
        }
    ),
    max_size=3,
)
STEPS = st.lists(
    st.one_of(
        RULES.map(lambda rules: ("role", rules)),
        st.sampled_from([("bind", None), ("unbind", None), ("delete", None)]),
        st.sampled_from([NO_GET, NO_DELETE, "kubernetes says 403", "403"]).map(
            lambda line: ("hear", line)
        ),
        st.sampled_from([1, 5, 700]).map(lambda seconds: ("wait", seconds)),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_whatever_happens_only_a_loss_that_is_denied_is_flagged(
    steps: list[tuple[str, Any]],
) -> None:
    shop, lives = Shop(), {"Role": "", "RoleBinding": ""}

    def tell(body: Raw, change: Literal["modified", "deleted"] = "modified") -> None:
        kind, uid = body["kind"], body["metadata"]["uid"]
        shop.tell(body | {"metadata": body["metadata"] | {"uid": uid + lives[kind]}}, change)
        if change == "deleted":
            lives[kind] += "-again"  # what is made anew is another object

    for what, given_ in steps:
        match what:
            case "role":
                tell(role(*given_))
            case "bind":
                tell(binding())
            case "unbind":
                tell(binding(), "deleted")
            case "delete":
                tell(role(), "deleted")
            case "hear":
                before = len(shop.flags)
                shop.hear(given_)
                reduced = "reader" in shop.namespace.reductions
                assert reduced or len(shop.flags) == before
            case _:
                shop.seconds += given_ - 1
                for kind in sorted(WATCHED):
                    shop.give(Alive(kind))
                shop.wait(1)
    assert set(shop.signals) <= {Signal.ACCESS_DENIED}
    shop.wait(CLEAR_SECONDS + 1)  # once a right is given back
    open_now = {each.event.signal for each in shop.namespace.open.values()}
    assert not open_now or "reader" in shop.namespace.reductions
