"""Four mistakes that anybody could make: plain kubectl, no injector. Pure."""

import json
from dataclasses import dataclass

from ooda.common.taxonomy import Mode
from ooda.testbed.workloads.shop import SHOP

NAMESPACE = SHOP


@dataclass(frozen=True)
class Fault:
    """One mistake, and the Deployment of the shop that it is made on."""

    title: str
    deployment: str
    change: tuple[str, ...]
    """Arguments of kubectl, in the shop's namespace."""
    mode: Mode = Mode.AUTO
    """How far the agent may go: alone, or with a person who approves."""


_NO_SUCH_MODULE = [
    {
        "op": "add",
        "path": "/spec/template/spec/containers/0/command",
        "value": ["python3", "-m", "shop.shiping"],
    }
]

FAULTS = (
    Fault(
        "a release whose image does not exist",
        "catalog",
        ("set", "image", "deployment/catalog", "app=ooda-shop:no-such-release"),
    ),
    Fault(
        "a release that cannot start",
        "shipping",
        ("patch", "deployment/shipping", "--type=json", "-p", json.dumps(_NO_SUCH_MODULE)),
    ),
    Fault(
        "a service scaled to nothing", "payment", ("scale", "deployment/payment", "--replicas=0")
    ),
    Fault(
        "a node selector that no node has, where a person is asked first",
        "recommendation",
        (
            "patch",
            "deployment/recommendation",
            "-p",
            json.dumps({"spec": {"template": {"spec": {"nodeSelector": {"disk": "nvme"}}}}}),
        ),
        Mode.PROPOSE,
    ),
)
