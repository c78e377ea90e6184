"""What Prometheus can ask of the decider; docs/metrics.md says what each number means."""

from itertools import pairwise

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ooda.common.events import (
    DecisionMade,
    IncidentClosed,
    ReviewRequested,
    ReviewSettled,
    StageTimes,
)

_STAGES = ("since", "flagged", "started", "diagnosed", "decided", "applied", "verified")
"""In the order in which an incident that is resolved reaches them."""

_SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)


class Meters:
    """Counts what was published; an event that a crash repeats is counted by both processes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "ooda_decider_decisions", "Decisions that were made.", ("verdict",), registry=registry
        )
        self._reviews = Counter(
            "ooda_decider_reviews", "Times that a person was asked.", registry=registry
        )
        self._answers = Counter(
            "ooda_decider_answers",
            "Answers of people, by what came of them.",
            ("settlement",),
            registry=registry,
        )
        self._closed = Counter(
            "ooda_decider_incidents_closed",
            "Incidents that ended.",
            ("closure",),
            registry=registry,
        )
        self._stages = Histogram(
            "ooda_decider_stage_seconds",
            "Seconds that an incident took from one stage to the next, told when it ends.",
            ("stage",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.open = Gauge(
            "ooda_decider_incidents_open", "Incidents that have not ended.", registry=registry
        )

    def published(
        self, event: DecisionMade | ReviewRequested | ReviewSettled | IncidentClosed
    ) -> None:
        """Count an event."""
        match event:
            case DecisionMade(verdict=verdict):
                self._decisions.labels(verdict).inc()
            case ReviewRequested():
                self._reviews.inc()
            case ReviewSettled(settlement=settlement):
                self._answers.labels(settlement).inc()
            case IncidentClosed(closure=closure, times=times):
                self._closed.labels(closure).inc()
                self._took(times)

    def _took(self, times: StageTimes) -> None:
        for begun, ended in pairwise(_STAGES):
            first, last = getattr(times, begun), getattr(times, ended)
            if first is not None and last is not None:
                # The stages of another attempt, or another clock, may turn the order round.
                seconds = max(0.0, (last - first).total_seconds())
                self._stages.labels(f"{begun}_to_{ended}").observe(seconds)
