"""The dead letter of a message. Pure."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from ooda.common.events import SUMMARY_LIMIT, DeadLetter, derive_id

PAYLOAD_LIMIT = 64 * 1024
"""Characters of the original that are kept; the original itself stays in its stream."""
ERROR_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Dead:
    """A message that cannot be handled, and where it is."""

    stream: str
    sequence: int
    subject: str
    payload: bytes
    headers: Mapping[str, str]
    deliveries: int


def dead_letter(
    dead: Dead, error: BaseException, *, service: str, cluster_id: str, now: dt.datetime
) -> DeadLetter:
    """Write it; its id is computed from service, stream and sequence."""
    text = dead.payload.decode(errors="replace")
    said = f"{type(error).__name__}: {error}"[:ERROR_LIMIT]
    first_line = said.splitlines()[0]
    return DeadLetter(
        event_id=derive_id(DeadLetter.subject, service, dead.stream, dead.sequence),
        summary=f"{service} cannot handle {dead.subject} {dead.stream}/{dead.sequence}: "
        f"{first_line}"[:SUMMARY_LIMIT],
        occurred_at=now,
        cluster_id=cluster_id,
        namespace=None,
        service=service,
        stream=dead.stream,
        sequence=dead.sequence,
        original_subject=dead.subject,
        error=said,
        deliveries=dead.deliveries,
        payload=text[:PAYLOAD_LIMIT],
        truncated=len(text) > PAYLOAD_LIMIT,
        headers=dict(dead.headers),
    )
