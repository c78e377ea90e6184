"""The typed arguments of the tools: what a sequence, or a model, may ask for."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, Field

Name = Annotated[
    str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
]
"""A name of Kubernetes (RFC 1123): nothing else can be meant, and nothing else is passed on."""

WorkloadKind = Literal["Deployment", "StatefulSet", "DaemonSet"]


class ServiceArguments(BaseModel):
    """One Service, or a workload of that name."""

    service: Name
    namespace: Name


class PodArguments(BaseModel):
    """One pod, or a controller by its name if it has no pod."""

    pod_name: Name
    namespace: Name


class ErrorRateArguments(ServiceArguments):
    """One Service and the seconds to look back."""

    window_seconds: Annotated[int, Field(ge=10, le=3600)] = 60


class WorkloadArguments(BaseModel):
    """One controller of pods."""

    workload_kind: WorkloadKind
    name: Name
    namespace: Name


class JobArguments(BaseModel):
    """One Job or CronJob."""

    workload_kind: Literal["Job", "CronJob"]
    name: Name
    namespace: Name


class NodeArguments(BaseModel):
    """One node."""

    node: Name


class AccountArguments(BaseModel):
    """One service account."""

    account: Name
    namespace: Name


class AccountSinceArguments(AccountArguments):
    """One service account, and since when something is amiss with it."""

    since: dt.datetime | None = None


class InspectArguments(WorkloadArguments):
    """One controller of pods, and a pod that is said to be lost."""

    lost_pod: Name | None = None
