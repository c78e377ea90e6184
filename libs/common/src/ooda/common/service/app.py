"""What a service's composition root is given, and what it returns."""

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry

from ooda.common.bus.interface import BatchHandler, Bus, Handler
from ooda.common.clock import Clock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.settings import Settings
from ooda.common.topology import Account, Consumer


class ServiceSettings(Settings):
    """What every service is told, beside where the servers are."""

    namespace: str = "ooda-system"
    """Our own namespace: Leases and the kill switch are there."""
    identity: str = socket.gethostname()
    """Which replica this is: in the cluster the Pod's name, which is its host name."""
    health_port: int = 8080
    log_level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True)
class Context:
    """What there is when a service is composed: all of it connected."""

    settings: Any
    """The service's own subclass of ServiceSettings, as given to ``run_service``."""
    cluster_id: str
    """UID of namespace kube-system."""
    clock: Clock
    bus: Callable[[Account], Bus]
    """The bus of an account; ValueError if the service has no user there."""
    api: ApiServer
    tracer: Tracer
    metrics: CollectorRegistry


@dataclass(frozen=True)
class Consumption:
    """A handler and what it is given, one event after the other."""

    consumer: Consumer
    handler: Handler


@dataclass(frozen=True)
class BatchConsumption:
    """A handler of up to ``batch_size`` events, or of what came within ``max_wait`` seconds."""

    consumer: Consumer
    handler: BatchHandler
    batch_size: int
    max_wait: float


def _nothing() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class App:
    """A composed service."""

    consumers: Sequence[Consumption | BatchConsumption] = ()
    tasks: Sequence[Callable[[], Awaitable[None]]] = ()
    """They run for ever; one that ends or fails stops the service."""
    status: Callable[[], Mapping[str, str]] = field(default=_nothing)
    """What ``ooda status`` shows of it."""
    answers: Mapping[str, Callable[[bytes], Awaitable[bytes]]] = field(default_factory=dict)
    """Further requests of people in account LOOP that it answers, by subject."""
    ready: Callable[[], bool] = field(default=lambda: True)


Compose = Callable[[Context], Awaitable[App]]
