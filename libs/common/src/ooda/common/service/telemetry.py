"""Logs, traces and metrics of a service, set up once at its start."""

import logging
import os
import sys

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import GC_COLLECTOR, CollectorRegistry, PlatformCollector, ProcessCollector

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

LIBRARY = "faststream"
"""How its loggers' names begin. Of what it says of its tasks only warnings are worth a line."""


def log_as_json(level: str, service: str) -> None:
    """Write one JSON object per line to standard output, from our code and from libraries."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
        # Without local variables: they hold passwords, and what a container logged.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in [each for each in logging.root.manager.loggerDict if each.startswith(LIBRARY)]:
        library = logging.getLogger(name)  # it brings a handler of its own, which writes no JSON
        library.handlers.clear()
        library.propagate = True
    logging.getLogger(LIBRARY).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def tracer_provider(service: str, version: str) -> TracerProvider:
    """Return where spans go: to the collector that the environment names, else nowhere."""
    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": service, "service.namespace": "ooda", "service.version": version}
        )
    )
    if os.environ.get(_ENDPOINT):
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def metrics_registry() -> CollectorRegistry:
    """Return a registry with what is known of the process itself."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(GC_COLLECTOR)
    return registry
