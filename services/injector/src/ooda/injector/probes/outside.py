"""What a run is looked at with beside the API server."""

from dataclasses import dataclass

from ooda.injector.databases import Database, Postgres
from ooda.injector.probes.dialling import dial
from ooda.injector.probes.interface import Dial


@dataclass(frozen=True, slots=True)
class Outside:
    """Connections to where Services lead, and to databases."""

    dial: Dial
    database: Database


OUTSIDE = Outside(dial, Postgres())
"""The real one."""
