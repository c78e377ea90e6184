"""What the decider is told beside what every service is told."""

from pathlib import Path

from pydantic import Field, SecretStr

from ooda.common.modes import SYSTEM_NAMESPACES
from ooda.common.service import ServiceSettings
from ooda.decider.core.limits import Limits


class DeciderSettings(ServiceSettings):
    """From the environment, as ``OODA_PLAYBOOK``, or the configuration file."""

    playbook: Path | None = None
    """Another playbook than the one in the package."""
    notify_urls: SecretStr | None = None
    """Who is told that a person is asked: addresses of Apprise, separated by spaces."""
    hold_seconds: float | None = Field(default=None, ge=0)
    """How long an action has to have helped before it is kept, in place of every row's own."""
    valid_for: float = Field(default=30.0, gt=0)
    """Seconds after which a decision to act may no longer be carried out."""
    actions_per_workload: int = Field(default=3, ge=0)
    """Within an hour."""
    actions_per_namespace: int = Field(default=6, ge=0)
    """Within an hour."""
    actions_in_total: int = Field(default=12, ge=0)
    """Within an hour."""
    cool_down: float = Field(default=60.0, ge=0)
    """Seconds after an action on a workload, until the next one on it."""
    storm_incidents: int = Field(default=6, ge=1)
    """Incidents within five minutes from which on a person is asked."""

    def limits(self) -> Limits:
        """Return the limits of the policy; our own namespace is closed to us."""
        return Limits(
            valid_for=self.valid_for,
            per_workload=self.actions_per_workload,
            per_namespace=self.actions_per_namespace,
            in_total=self.actions_in_total,
            cool_down=self.cool_down,
            storm_incidents=self.storm_incidents,
            closed_to_us=SYSTEM_NAMESPACES | {self.namespace},
        )
