"""A Service that does not lead any more to what it served."""

from typing import Any

import pytest

from factories.objects import deployment, endpoint_slice, pod, replica_set, service
from factories.observed import Observed, healthy
from ooda.common.targets import ServiceTarget, WorkloadTarget
from ooda.common.taxonomy import Signal
from ooda.observer.core.inputs import ActionNotice

PORT = {"containers": [{"name": "app", "image": "shop:1", "ports": [{"containerPort": 8080}]}]}


def leading(to: str = "checkout", target: int | str = 8080) -> dict[str, Any]:
    body = service(to=to)
    body["spec"]["ports"] = [{"port": 80, "targetPort": target}]
    return body


def served(*names: str) -> dict[str, Any]:
    return endpoint_slice(ready=names)


def known() -> Observed:
    """A Service that led to a ready pod for long enough to be known as good."""
    others = [each for each in healthy() if each["kind"] != "Pod"]
    observed = Observed(*others, pod(spec=PORT), leading(), served("checkout-1-a"))
    observed.wait(35)
    assert observed.remembered[-1].spec.services["checkout"] == (leading()["spec"],)
    return observed


def test_a_selector_that_takes_in_nobody() -> None:
    observed = known()
    observed.tell(leading(to="chekout"))
    observed.tell(served())
    observed.wait(2)
    assert observed.flags == []
    observed.wait(2)
    [flag] = observed.flags
    assert flag.signal is Signal.ENDPOINTS_LOST
    assert flag.target == ServiceTarget(namespace=flag.namespace or "", name="checkout")
    assert flag.related == (
        WorkloadTarget(namespace=flag.namespace or "", workload_kind="Deployment", name="checkout"),
    )
    assert flag.summary == (
        "checkout (Service) selects pods with app=chekout, and there is none, "
        "though 1 pod that it served is ready"
    )
    observed.wait(60)
    assert observed.signals == [Signal.ENDPOINTS_LOST]
    assert observed.remembered[-1].spec.services["checkout"] == (leading()["spec"],)

    observed.tell(leading())
    observed.tell(served("checkout-1-a"))
    observed.wait(8)
    assert observed.clears == [Signal.ENDPOINTS_LOST]


@pytest.mark.parametrize("target", [9999, "web"])
def test_a_port_that_no_pod_has_is_flagged_and_never_known_as_good(target: int | str) -> None:
    observed = known()
    observed.tell(leading(target=target))
    observed.wait(60)
    assert observed.signals == [Signal.ENDPOINTS_LOST]
    assert observed.remembered[-1].spec.services["checkout"] == (leading()["spec"],)


def test_it_stays_open_over_a_restart_of_the_observer() -> None:
    observed = known()
    observed.tell(leading(target=9999))
    observed.wait(10)
    [flag] = observed.flags
    again = Observed(flagged=(flag,))
    [opened] = again.namespace.open.values()
    assert opened.top == ("Service", "checkout")


def no_pod(observed: Observed) -> None:
    observed.tell(leading(to="chekout"))
    observed.tell(served())
    observed.tell(pod(spec=PORT, ready=False, ready_since=35))


def deleted(observed: Observed) -> None:
    observed.tell(leading(to="chekout"), "deleted")
    observed.tell(served())


def switched(observed: Observed) -> None:
    green = pod("green", owner=None, ready=False, created=30)
    green["metadata"]["labels"] = {"app": "green"}
    observed.tell(green, "added")
    observed.tell(leading(to="green"))
    observed.tell(served())


def rolled(observed: Observed) -> None:
    observed.tell(leading(target=9090))
    observed.tell(deployment(image="shop:2", generation=2, updated=0))


def acted(observed: Observed) -> None:
    target = ServiceTarget(namespace="fault-injection-shop", name="checkout")
    observed.give(ActionNotice("a", target, over=False))
    observed.tell(leading(to="chekout"))
    observed.tell(served())


def still_served(observed: Observed) -> None:
    observed.tell(leading(to="chekout"))


def more(observed: Observed) -> None:
    body = leading()
    body["spec"]["ports"].append({"port": 81, "targetPort": 9999})
    observed.tell(body)


def restored(observed: Observed) -> None:
    observed.tell(leading(to="chekout"))
    observed.tell(served())
    observed.wait(1)
    observed.tell(leading())
    observed.tell(served("checkout-1-a"))


@pytest.mark.parametrize(
    "change", [no_pod, deleted, switched, rolled, acted, still_served, more, restored]
)
def test_what_is_meant_or_no_fault_of_the_service(change: Any) -> None:
    observed = known()
    change(observed)
    observed.wait(20)
    assert Signal.ENDPOINTS_LOST not in observed.signals


def test_a_service_that_never_led_anywhere_is_not_flagged() -> None:
    observed = Observed(*healthy(), leading(to="chekout"), served())
    observed.wait(60)
    assert observed.flags == []


def test_a_service_without_endpoints_is_not_known_as_good() -> None:
    observed = Observed(*healthy(), leading(), served())
    observed.wait(60)
    assert all(not each.spec.services for each in observed.remembered)


def test_pods_that_got_other_labels_are_seen_by_the_template_that_they_had() -> None:
    observed = known()
    renamed = pod("checkout-2-a", spec=PORT, created=40, owner=("ReplicaSet", "checkout-2"))
    renamed["metadata"]["labels"] = {"app": "checkout-v2"}
    observed.tell(replica_set("checkout-2"), "added")
    observed.tell(renamed, "added")
    observed.tell(replica_set("checkout-1", replicas=0))
    observed.tell(pod("checkout-1-a"), "deleted")
    observed.tell(served())
    observed.wait(10)
    assert Signal.ENDPOINTS_LOST in observed.signals
