"""How a service runs: what its composition root is given and returns, and the rest of its life."""

from ooda.common.service.app import (
    App,
    BatchConsumption,
    Compose,
    Consumption,
    Context,
    ServiceSettings,
)
from ooda.common.topology import Service

__all__ = [
    "App",
    "BatchConsumption",
    "Compose",
    "Consumption",
    "Context",
    "ServiceSettings",
    "run_service",
]


def run_service(
    service: Service,
    settings_class: type[ServiceSettings],
    compose: Compose,
    *,
    lease: bool,
) -> int:
    """Run a service until it is told to stop or cannot go on; return the exit code."""
    from ooda.common.service import run  # noqa: PLC0415 - it needs the door to the API server

    return run.run_service(service, settings_class, compose, lease=lease)
