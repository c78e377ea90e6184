"""How a fault is seen to bite and to have gone, as a run's journal says it. Pure.

It is whole: whoever finds a run can look, without the scenario that the run was made of.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PodSign(StrEnum):
    """What is seen of one of the target's pods while the fault bites."""

    WAITING = "waiting"
    """A container waits for one of the ``reasons``."""
    ENDED = "ended"
    """A container has ended since, for one of the ``reasons`` if there are any, and else with an
    exit code that is not zero."""
    UNSCHEDULABLE = "unschedulable"
    """No node takes it."""
    NOT_READY = "not_ready"
    """All of its containers run, and it is not ready."""
    GONE = "gone"
    """One of the pods that the run deletes is not there, or leaving."""


class PodsProbe(_Part):
    """The state of the target's pods, told by a watch."""

    kind: Literal["pods"] = "pods"
    labels: Mapping[str, str]
    """By which the target selects its pods."""
    sign: PodSign
    reasons: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    """UIDs of the pods that the run deletes."""
    restarts: Mapping[str, int] = {}
    """How often each container had been started again before, as ``<uid of its pod>/<name>``."""


class CpuProbe(_Part):
    """What the kubelet says that the containers of the target's pods may use, told by a watch."""

    kind: Literal["cpu"] = "cpu"
    labels: Mapping[str, str]
    """By which the target selects its pods."""
    container: str
    millicores: int
    """The limit while the fault bites."""


class ReplicasProbe(_Part):
    """The status of the target, told by a watch."""

    kind: Literal["replicas"] = "replicas"
    sign: Literal["short", "refused"]
    """Fewer are ready than before; or the API server refuses to make one."""
    before: int
    """How many pods it asked for before."""


class EndpointsProbe(_Part):
    """A connection to where a Service leads, from the injector itself."""

    kind: Literal["endpoints"] = "endpoints"
    service: str
    before: tuple[str, ...]
    """Where it led to, as ``10.0.0.7:8080``; in order."""
    reachable: bool
    """Whether the injector got a connection then. If it did not (a policy may keep it out), it is
    only seen where the Service leads."""


class AccessRule(_Part):
    """One request that a service account might make."""

    verb: str
    group: str
    resource: str
    name: str = ""
    """Empty: any."""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f" {self.name}" if self.name else "")


class AccessProbe(_Part):
    """What a service account is allowed: by an access review, and by a request of its own."""

    kind: Literal["access"] = "access"
    account: str
    rule: AccessRule


class LoginProbe(_Part):
    """A login into the database with the old password, and one with the new."""

    kind: Literal["login"] = "login"


class NodeProbe(_Part):
    """It is seen to bite from within a pod's network, or is in force in a container.

    Fault-agent says since when.
    """

    kind: Literal["node"] = "node"


Probe = Annotated[
    PodsProbe | CpuProbe | ReplicasProbe | EndpointsProbe | AccessProbe | LoginProbe | NodeProbe,
    Field(discriminator="kind"),
]


class Effect(_Part):
    """How a run is seen to bite, and how long that may take."""

    probe: Probe
    within_seconds: float
    """From when all steps are applied. Not seen until then, the run has failed."""
    hold_seconds: float = 0.0
    """How long it has to be seen without a break; it counts from the first time."""
