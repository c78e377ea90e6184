"""What Prometheus can ask of the orienter; docs/metrics.md says what each number means."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ooda.common.taxonomy import FailureClass

Failure = Literal["late", "unavailable", "failed"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 5, 10, 30)
"""A tool has 1.5 s and all of them 2 s."""


class Meters:
    """Counts diagnoses and the tools that they ask."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._diagnoses = Counter(
            "ooda_orienter_diagnoses",
            "Diagnoses that were published.",
            ("failure_class",),
            registry=registry,
        )
        self._diagnosis_seconds = Histogram(
            "ooda_orienter_diagnosis_seconds",
            "Seconds from taking up an incident to its published diagnosis.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._tool_seconds = Histogram(
            "ooda_orienter_tool_seconds",
            "Seconds that a diagnostic tool took, also in vain.",
            ("tool",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._tool_failures = Counter(
            "ooda_orienter_tool_failures",
            "Times that a diagnostic tool had no answer.",
            ("tool", "reason"),
            registry=registry,
        )
        self.open = Gauge(
            "ooda_orienter_incidents_open", "Incidents that have not ended.", registry=registry
        )

    def diagnosed(self, failure_class: FailureClass, seconds: float) -> None:
        """Count a diagnosis that was published, and the time that it took."""
        self._diagnoses.labels(failure_class).inc()
        self._diagnosis_seconds.observe(seconds)

    def asked(self, tool: str, seconds: float) -> None:
        """Count the time that a tool took."""
        self._tool_seconds.labels(tool).observe(seconds)

    def failed(self, tool: str, reason: Failure) -> None:
        """Count a tool that was late, could not look, or stumbled."""
        self._tool_failures.labels(tool, reason).inc()
