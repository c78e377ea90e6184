"""An audit database in a throw-away Postgres, and events as the bus would deliver them."""

import datetime as dt
from dataclasses import dataclass

from pydantic import SecretStr
from pydantic_core import Url
from sqlalchemy.engine import URL

from factories.events import NOW
from ooda.common.audit.address import audit_conninfo, audit_url
from ooda.common.bus.interface import Delivery
from ooda.common.events import Event
from ooda.common.settings import PostgresSettings
from ooda.recorder.settings import MigrationSettings
from servers.postgres import PASSWORD, Postgres

ROLE_PASSWORD = "it's: 100% sécret/"


@dataclass(frozen=True)
class Database:
    """One database of a server."""

    server: Postgres
    name: str

    def settings(self, role: str = "postgres") -> PostgresSettings:
        password = PASSWORD if role == "postgres" else ROLE_PASSWORD
        return PostgresSettings(
            url=Url(f"postgresql://127.0.0.1:{self.server.port}/{self.name}"),
            user=role,
            password=SecretStr(password),
        )

    def url(self, role: str = "postgres") -> URL:
        return audit_url(self.settings(role))

    def dsn(self, role: str = "postgres") -> str:
        return audit_conninfo(self.settings(role))

    def migration(self) -> MigrationSettings:
        return MigrationSettings(
            postgres=self.settings(),
            recorder_password=SecretStr(ROLE_PASSWORD),
            reader_password=SecretStr(ROLE_PASSWORD),
        )


def delivered(
    event: Event,
    sequence: int,
    *,
    stream: str = "LOOP",
    payload: bytes | None = None,
    subject: str | None = None,
    headers: dict[str, str] | None = None,
) -> Delivery:
    """Hand over an event; the bus stored the n-th one n seconds after NOW."""
    return Delivery(
        event=event,
        subject=subject or event.subject_of(),
        stream=stream,
        sequence=sequence,
        stored_at=NOW + dt.timedelta(seconds=sequence),
        deliveries=1,
        payload=event.model_dump_json().encode() if payload is None else payload,
        headers=headers or {},
    )
