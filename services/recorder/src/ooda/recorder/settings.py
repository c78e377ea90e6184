"""What the recorder is told from outside."""

from pydantic import Field, SecretStr

from ooda.common.service import ServiceSettings
from ooda.common.settings import PostgresSettings, Settings


class RecorderSettings(ServiceSettings):
    """For the service: its role's connection, and how long snapshots are kept."""

    postgres: PostgresSettings
    snapshots_whole_minutes: float = Field(default=10, gt=0)
    """How long before and after an incident of their namespace snapshots are whole."""
    snapshots_keep_days: float = Field(default=7, gt=0)
    """After that not even their digest is kept."""
    events_keep_days: float | None = Field(default=None, ge=7)
    """After that a full partition of the trail is dropped; None: the trail is kept for ever. A
    partition has a million rows, so what is kept is up to one partition more."""


class MigrationSettings(Settings):
    """For the Job: the owner's connection, and the passwords of the roles that it makes."""

    postgres: PostgresSettings
    recorder_password: SecretStr = Field(description="OODA_RECORDER_PASSWORD")
    reader_password: SecretStr = Field(description="OODA_READER_PASSWORD")
