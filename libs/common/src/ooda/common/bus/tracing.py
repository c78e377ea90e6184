"""One trace per incident: whoever publishes an event of it, the trace is the incident's.

A trace has 128 bits, a UUID too: the incident's id is the trace's. So services that never spoke
to each other write into one trace, and ``ooda`` can print its id from the incident alone. The
anomalies that were joined have traces of their own by the same rule; they are span links.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
)

from ooda.common.events import (
    AnomalyCleared,
    AnomalyFlagged,
    DecisionMade,
    DiagnosisReady,
    DiagnosisStarted,
    Event,
    IncidentEvent,
    derive_id,
)

_SPAN_BITS = (1 << 64) - 1


def root_of(identity: str) -> SpanContext:
    """Return the span that everything about an incident or anomaly descends from."""
    try:
        number = uuid.UUID(identity).int
    except ValueError:
        number = uuid.UUID(derive_id("trace", identity)).int
    return SpanContext(
        trace_id=number,
        span_id=(number & _SPAN_BITS) or 1,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def subject_of_trace(event: Event) -> str | None:
    """Return the id of what the event's trace is about; None if it has no trace of its own."""
    match event:
        case IncidentEvent():
            return event.incident_id
        case AnomalyFlagged() | AnomalyCleared():
            return event.anomaly_id
        case _:
            return None


def joined_anomalies(event: Event) -> Sequence[str]:
    """Return the ids of the anomalies that an event of an incident names."""
    match event:
        case DiagnosisStarted() | DiagnosisReady():
            return [each.anomaly_id for each in event.anomalies]
        case DecisionMade():
            return event.anomalies
        case _:
            return []


@contextmanager
def publishing(tracer: Tracer, event: Event) -> Iterator[None]:
    """Make the event's own trace the current one while it is published."""
    identity = subject_of_trace(event)
    if identity is None:
        yield
        return
    root = root_of(identity)
    current = trace.get_current_span().get_span_context()
    links = [Link(root_of(each)) for each in joined_anomalies(event)]
    if current.is_valid and current.trace_id != root.trace_id:
        links.append(Link(current))
    parent = (
        None  # the current span: it is the incident's already
        if current.trace_id == root.trace_id
        else trace.set_span_in_context(NonRecordingSpan(root))
    )
    with tracer.start_as_current_span(
        f"{event.subject} say",
        context=parent,
        kind=SpanKind.INTERNAL,
        links=links,
        attributes={"ooda.event_id": event.event_id, "ooda.summary": event.summary},
    ):
        yield
