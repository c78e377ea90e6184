"""How a service runs: what its composition root is given and returns, and the rest of its life."""

from ooda.common.service.app import (
    App,
    BatchConsumption,
    Compose,
    Consumption,
    Context,
    ServiceSettings,
)
from ooda.common.service.run import run_service

__all__ = [
    "App",
    "BatchConsumption",
    "Compose",
    "Consumption",
    "Context",
    "ServiceSettings",
    "run_service",
]
