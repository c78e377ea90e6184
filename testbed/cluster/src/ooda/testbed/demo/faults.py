"""Four mistakes that anybody could make, made by the injector. Pure."""

from dataclasses import dataclass

from ooda.common.taxonomy import Mode
from ooda.testbed.workloads.shop import SHOP

NAMESPACE = SHOP
_DURATION = "2m"
"""When the injector takes it back if nobody else has."""


@dataclass(frozen=True)
class Fault:
    """One mistake, and the Deployment of the shop that it is made on."""

    title: str
    deployment: str
    scenario: str
    mode: Mode = Mode.AUTO
    """How far the agent may go: alone, or with a person who approves."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return what `ooda inject` is told."""
        where = ("--target", self.deployment, "--namespace", NAMESPACE)
        return (self.scenario, *where, "--duration", _DURATION)


FAULTS = (
    Fault("a release whose image does not exist", "catalog", "image-pull-failure"),
    Fault("a release that cannot start", "shipping", "crash-loop-release"),
    Fault("a service scaled to nothing", "payment", "replica-scale-down"),
    Fault(
        "a node selector that no node has, where a person is asked first",
        "recommendation",
        "unschedulable",
        Mode.PROPOSE,
    ),
)
