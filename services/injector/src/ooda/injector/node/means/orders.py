"""What can be ordered to be done to a container, and what is said afterwards."""

from collections.abc import Mapping

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ooda.common.container_faults import ContainerFault
from ooda.injector.node.orders import End, Sandbox


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ContainerOrder(_Part):
    """One fault in one container of a pod until `until`."""

    order_id: str = Field(min_length=1, max_length=128)
    sandbox: Sandbox
    pod_uid: str = Field(min_length=1, max_length=64)
    fault: ContainerFault
    until: AwareDatetime


class ContainerResult(_Part):
    """The fault has ended and nothing is left of it.

    `realised`, by fault: `offset_seconds`; `kills`; `filled_bytes`, `free_bytes`, `free_percent`;
    `leaked_bytes` (the most in one life), `lives` (in which it leaked).
    """

    order_id: str
    end: End
    armed_at: AwareDatetime
    ended_at: AwareDatetime
    realised: Mapping[str, float]
