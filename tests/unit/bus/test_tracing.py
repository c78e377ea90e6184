import uuid

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from factories.events import ANOMALY_ID, INCIDENT_ID, make
from ooda.common.bus.tracing import publishing, root_of
from ooda.common.events import AnomalyFlagged, DecisionMade, Event, TelemetrySnapshot

INCIDENT, ANOMALY = uuid.UUID(INCIDENT_ID).int, uuid.UUID(ANOMALY_ID).int


def published(event: Event, within: str | None = None) -> tuple[list[int], list[int]]:
    """Return the trace ids of the spans, and of the links."""
    spans, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    tracer = tracers.get_tracer("test")
    parent = trace.set_span_in_context(trace.NonRecordingSpan(root_of(within))) if within else None
    with tracer.start_as_current_span("around", context=parent), publishing(tracer, event):
        pass
    made = [span for span in spans.get_finished_spans() if span.name != "around"]
    return (
        [span.context.trace_id for span in made if span.context],
        [link.context.trace_id for span in made for link in span.links],
    )


def test_an_incidents_trace_is_its_id() -> None:
    traces, links = published(make(DecisionMade))
    assert traces == [INCIDENT]
    assert links[0] == ANOMALY
    assert len(links) == 2, "and what was handled when it was published"


def test_within_the_incidents_trace_it_goes_on() -> None:
    assert published(make(DecisionMade), within=INCIDENT_ID) == ([INCIDENT], [ANOMALY])


def test_an_anomaly_has_a_trace_of_its_own() -> None:
    assert published(make(AnomalyFlagged))[0] == [ANOMALY]


def test_what_is_about_neither_begins_none() -> None:
    assert published(make(TelemetrySnapshot)) == ([], [])


def test_an_id_that_is_no_uuid_has_a_trace_too() -> None:
    assert root_of("run-1").trace_id == root_of("run-1").trace_id != root_of("run-2").trace_id
