"""Which call edges the templates of a namespace tell."""

from typing import Any

import pytest

from factories.objects import NAMESPACE, deployment, node, pod, replica_set, service
from factories.observed import Observed
from ooda.common.targets import ServiceTarget, Target, WorkloadTarget

CHECKOUT = WorkloadTarget(namespace=NAMESPACE, workload_kind="Deployment", name="checkout")


def variable(name: str, value: Any) -> dict[str, Any]:
    return {"env": [{"name": name, "value": value}]}


CALLED: dict[str, dict[str, Any]] = {
    "a URL": variable("ORDERS", "postgresql://cart"),
    "a URL with a user, a port and a path": variable("X", "redis://me:secret@cart:6379/0"),
    "host and port": variable("X", "cart:8080"),
    "one of several": variable("BROKERS", "one:9092,cart:9092"),
    "the host alone, in a variable that is named so": variable("SHOP_CART_HOST", "cart"),
    "with its namespace": variable("X", f"http://cart.{NAMESPACE}/v1"),
    "its whole name": variable("X", f"http://cart.{NAMESPACE}.svc.cluster.local.:80"),
    "in capitals": variable("X", "HTTP://CART:80"),
    "an argument": {"args": ["--upstream=http://cart:8080"]},
    "a command": {"command": ["sh", "-c", "exec proxy cart:80"]},
}

NOT_CALLED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "the word alone": variable("TARGET", "cart"),
    "another namespace": variable("X", "http://cart.other.svc"),
    "a longer name": variable("X", "http://my-cart:80"),
    "a shorter name": variable("X", "http://car:80"),
    "a path": variable("X", "http://example.org/cart"),
    "its own Service": variable("X", "http://checkout:8080"),
    "from a Secret": {"env": [{"name": "CART_HOST", "valueFrom": {"secretKeyRef": {}}}]},
    "no text": {"env": [{"name": "CART_HOST", "value": 7}, 7], "args": 7, "command": [7]},
}


def calls(container: dict[str, Any]) -> list[Target]:
    mine = deployment()
    mine["spec"]["template"]["spec"]["containers"][0] |= container
    observed = Observed(node(), mine, replica_set(), pod(), service(), service("cart", to="cart"))
    observed.wait(6)
    edges = [each for each in observed.snapshot.event.graph if each.relation == "calls"]
    assert {each.source for each in edges} <= {CHECKOUT}
    return [each.sink for each in edges]


@pytest.mark.parametrize("container", CALLED.values(), ids=CALLED)
def test_a_service_that_the_template_names_is_called(container: dict[str, Any]) -> None:
    assert calls(container) == [ServiceTarget(namespace=NAMESPACE, name="cart")]


@pytest.mark.parametrize("container", NOT_CALLED.values(), ids=NOT_CALLED)
def test_others_are_not(container: dict[str, Any]) -> None:
    assert calls(container) == []
