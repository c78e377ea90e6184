"""What the decider is told beside what every service is told."""

from pathlib import Path

from ooda.common.service import ServiceSettings


class DeciderSettings(ServiceSettings):
    """From the environment, as ``OODA_PLAYBOOK``, or the configuration file."""

    playbook: Path | None = None
    """Another playbook than the one in the package."""
    valid_for: float = 30.0
    """Seconds after which a decision to act may no longer be carried out."""
