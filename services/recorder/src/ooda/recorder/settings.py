"""What the recorder is told from outside."""

from pydantic import Field, SecretStr

from ooda.common.settings import Settings


class MigrationSettings(Settings):
    """For the Job: the owner's connection, and the passwords of the roles that it makes."""

    recorder_password: SecretStr = Field(description="OODA_RECORDER_PASSWORD")
    reader_password: SecretStr = Field(description="OODA_READER_PASSWORD")
