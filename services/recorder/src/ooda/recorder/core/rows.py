"""What of a delivered event becomes a row of the trail. Pure and total."""

import datetime as dt
import hashlib
import re
from dataclasses import dataclass

from ooda.common.audit.chain import Row
from ooda.common.bus.interface import Delivery
from ooda.common.events import AnomalyCleared, AnomalyFlagged, IncidentEvent
from ooda.common.topology import Account

LONGEST = 500
"""Characters of a value that is indexed: an entry of a B-tree has at most 2,704 bytes."""

_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One telemetry snapshot as it is stored."""

    event_id: str
    namespace: str | None
    occurred_at: dt.datetime
    recorded_at: dt.datetime
    digest: bytes
    payload: bytes


def storable(value: str) -> str:
    """Return the value, or its hash where Postgres would refuse it: NUL, surrogates, length.

    The payload has the value itself.
    """
    if len(value) <= LONGEST and "\x00" not in value:
        try:
            value.encode()
        except UnicodeEncodeError:
            pass
        else:
            return value
    return "sha256:" + hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()


def _storable(value: str | None) -> str | None:
    return None if value is None else storable(value)


def row_of(delivery: Delivery, account: Account, recorded_at: dt.datetime) -> Row:
    """Make the row of an event."""
    event = delivery.event
    traced = _TRACE.fullmatch(delivery.headers.get("traceparent", ""))
    incident_id = event.incident_id if isinstance(event, IncidentEvent) else None
    anomaly_id = event.anomaly_id if isinstance(event, AnomalyFlagged | AnomalyCleared) else None
    return Row(
        account=str(account),
        stream=delivery.stream,
        stream_sequence=delivery.sequence,
        subject=storable(delivery.subject),
        event_id=storable(event.event_id),
        incident_id=_storable(incident_id),
        anomaly_id=_storable(anomaly_id),
        namespace=_storable(event.namespace),
        occurred_at=event.occurred_at,
        stored_at=delivery.stored_at,
        recorded_at=recorded_at,
        trace_id=traced.group(1) if traced else None,
        payload=delivery.payload,
    )


def snapshot_of(delivery: Delivery, recorded_at: dt.datetime) -> Snapshot:
    """Make the stored form of a snapshot."""
    return Snapshot(
        event_id=storable(delivery.event.event_id),
        namespace=_storable(delivery.event.namespace),
        occurred_at=delivery.event.occurred_at,
        recorded_at=recorded_at,
        digest=hashlib.sha256(delivery.payload).digest(),
        payload=delivery.payload,
    )
