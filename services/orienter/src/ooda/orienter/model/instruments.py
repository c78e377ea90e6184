"""Metrics and spans of what is asked of a model, by OpenTelemetry's conventions for generative AI.

https://opentelemetry.io/docs/specs/semconv/gen-ai/: names, attributes and bucket bounds. Dots
become underscores, as in every exporter to Prometheus. ``docs/metrics.md`` says what they mean.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanKind, StatusCode, Tracer
from prometheus_client import CollectorRegistry, Counter, Histogram

from ooda.common.bus.tracing import root_of
from ooda.orienter.settings import ModelSettings

PROVIDER = "openai"
"""The interface that is spoken, whoever answers."""

_AGENT = "orienter"
_TOKENS = tuple(4**power for power in range(14))
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)


@dataclass
class Usage:
    """What one request cost, filled in when it is answered."""

    input_tokens: int = 0
    output_tokens: int = 0
    answered_by: str | None = None
    """The model as the endpoint names it."""
    failed: str | None = None


@dataclass(frozen=True)
class Instruments:
    """Counts and traces the requests of one endpoint."""

    tracer: Tracer
    settings: ModelSettings
    tokens: Histogram
    seconds: Histogram
    consultations: Counter
    _labels: tuple[str, str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_labels", ("chat", PROVIDER, self.settings.name))

    @contextmanager
    def consulting(self, incident_id: str) -> Iterator[None]:
        """Trace a consultation in the trace of its incident."""
        parent = trace.set_span_in_context(NonRecordingSpan(root_of(incident_id)))
        with self.tracer.start_as_current_span(
            f"invoke_agent {_AGENT}",
            context=parent,
            attributes={
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.provider.name": PROVIDER,
                "gen_ai.agent.name": _AGENT,
                "gen_ai.request.model": self.settings.name,
            },
        ):
            yield

    @contextmanager
    def calling(self) -> Iterator[Usage]:
        """Measure one request; what happens in it is said in the usage that is yielded."""
        usage, begun = Usage(failed="cancelled"), time.monotonic()
        with self.tracer.start_as_current_span(
            f"chat {self.settings.name}",
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": PROVIDER,
                "gen_ai.request.model": self.settings.name,
                "gen_ai.request.max_tokens": self.settings.reply_tokens,
                "server.address": self.settings.url.host or "",
                "server.port": self.settings.url.port or 0,
            },
            record_exception=False,  # its message may quote what was sent
            set_status_on_exception=False,
        ) as span:
            try:
                yield usage
            finally:
                self._tell(span, usage, time.monotonic() - begun)

    @contextmanager
    def using(self, tool: str) -> Iterator[None]:
        """Trace a tool that the model asked for."""
        with self.tracer.start_as_current_span(
            f"execute_tool {tool}",
            attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool},
        ):
            yield

    def ended(self, ending: str) -> None:
        """Count a consultation by how it ended."""
        self.consultations.labels(ending).inc()

    def _tell(self, span: Span, usage: Usage, seconds: float) -> None:
        self.seconds.labels(*self._labels, usage.failed or "").observe(seconds)
        if usage.failed is not None:
            span.set_attribute("error.type", usage.failed)
            span.set_status(StatusCode.ERROR)
            return
        for kind, count in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            self.tokens.labels(*self._labels, kind).observe(count)
            span.set_attribute(f"gen_ai.usage.{kind}_tokens", count)
        if usage.answered_by:
            span.set_attribute("gen_ai.response.model", usage.answered_by)


def instruments(
    registry: CollectorRegistry, tracer: Tracer, settings: ModelSettings
) -> Instruments:
    """Register the metrics; made only where a model is configured."""
    labels = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
    return Instruments(
        tracer,
        settings,
        Histogram(
            "gen_ai_client_token_usage",
            "Tokens that a request to the model read or wrote.",
            (*labels, "gen_ai_token_type"),
            buckets=_TOKENS,
            registry=registry,
        ),
        Histogram(
            "gen_ai_client_operation_duration_seconds",
            "Seconds that a request to the model took.",
            (*labels, "error_type"),
            buckets=_SECONDS,
            registry=registry,
        ),
        Counter(
            "ooda_orienter_consultations",
            "Consultations of the model, by how they ended.",
            ("ending",),
            registry=registry,
        ),
    )
