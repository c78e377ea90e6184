"""What an action is made of: typed steps against exact objects, each with its guard. Pure.

The shapes follow how a successor can find out whether a step was done: a patch leaves the
action's id on the object, a deletion names the UID, a Job's name comes from the action's id.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

POD_PARAMETER = "pod"
"""Which pod to restart, or which pod shows the failure of its workload."""

CONFIG_MAP_PARAMETER = "config_map"
"""Which of the ConfigMaps that a workload uses is rolled back."""

MEMORY_LIMIT = "/resources/limits/memory"
"""How the JSON pointer of a container's memory limit ends."""

ACTION_ANNOTATION = "ooda.dev/action"
"""Set by the very patch that an action makes; its value is the action's id."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ObjectRef(_Part):
    """One object of the API server, as it was when it was read."""

    kind: str
    """A value of ``ooda.common.cluster.Kind``, such as ``Deployment``."""
    namespace: str | None
    name: str
    uid: str
    resource_version: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else self.name


class Basis(_Part):
    """What an approval holds for: one object, as far as an action depends on it.

    Made by ``ooda.common.approvals``; the status of an object is not part of it.
    """

    uid: str
    digest: str
    """SHA-256, in hexadecimal."""


class FieldChange(_Part):
    """One field of an object, by JSON pointer (RFC 6901), before and after.

    ``None`` is an absent field: before, it is added; after, it is removed.
    """

    path: str
    before: Any = None
    after: Any = None


class PatchStep(_Part):
    """Change fields of one object; refused by the API server if UID or old values differ."""

    kind: Literal["patch"] = "patch"
    object: ObjectRef
    changes: tuple[FieldChange, ...]


class ResizeStep(_Part):
    """Change what a container of a pod may use while it runs (``pods/resize``).

    The API server drops everything else from such a patch, an annotation too: that it was made is
    seen by the values alone, and a duplicate is refused by the generation, which each change of a
    pod's spec counts up.
    """

    kind: Literal["resize"] = "resize"
    object: ObjectRef
    container: str
    changes: tuple[FieldChange, ...]
    generation: int | None = None
    """Of the pod as it was planned with; None of an API server that does not count."""
    restarts: int = 0
    """How often the container had been started again when it was planned."""


class DeletePodStep(_Part):
    """Delete one pod, by UID, so that its controller replaces it. Has no inverse."""

    kind: Literal["delete_pod"] = "delete_pod"
    object: ObjectRef


class EvictStep(_Part):
    """Evict one pod, by UID, respecting PodDisruptionBudgets. Has no inverse."""

    kind: Literal["evict"] = "evict"
    object: ObjectRef


class CreateJobStep(_Part):
    """Run a CronJob once; the Job's name is computed from the action's id. Has no inverse."""

    kind: Literal["create_job"] = "create_job"
    cron_job: ObjectRef
    name: str


class CordonStep(_Part):
    """Mark one node unschedulable."""

    kind: Literal["cordon"] = "cordon"
    object: ObjectRef


Step = Annotated[
    PatchStep | ResizeStep | DeletePodStep | EvictStep | CreateJobStep | CordonStep,
    Field(discriminator="kind"),
]


class Verification(_Part):
    """When an action has helped: the predicate is true for the hold time, before the deadline."""

    symptom_gone: bool = True
    """The anomalies of the incident are cleared."""
    workload_ready: bool = True
    """The workload has all the replicas that it asks for, ready and of the current template."""
    hold_seconds: Annotated[float, Field(ge=0)] = 60
    deadline_seconds: Annotated[float, Field(gt=0)] = 300


class Health(_Part):
    """How a workload is, as far as it was seen."""

    desired: int
    ready: int
    open_anomalies: int
    fresh: bool
    """Whether what was seen is young enough to count."""
