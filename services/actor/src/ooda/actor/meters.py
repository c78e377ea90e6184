"""What Prometheus can ask of the actor; docs/metrics.md says what each number means."""

import datetime as dt

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ooda.actor.core.record import ActionRecord, State

_SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)


class Meters:
    """Counts actions as their records change; only the actor that stored a change counts it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._actions = Counter(
            "ooda_actor_actions",
            "Actions that ended.",
            ("action", "outcome"),
            registry=registry,
        )
        self._stages = Histogram(
            "ooda_actor_stage_seconds",
            "Seconds that an action took from one stage to the next.",
            ("action", "stage"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "ooda_actor_actions_in_flight", "Actions that have not ended.", registry=registry
        )

    def entered(self, record: ActionRecord) -> None:
        """Count a state that was entered and stored."""
        if record.state is State.PLANNED:
            self._took(record, "decided_to_started", record.decided_at, record.changed_at)
        if record.state is State.APPLIED:
            self._took(record, "decided_to_applied", record.decided_at, record.written_at)
        if record.state.outcome is not None:
            self._actions.labels(record.action, record.state.outcome).inc()
            self._took(record, "applied_to_executed", record.written_at, record.changed_at)

    def _took(
        self, record: ActionRecord, stage: str, begun: dt.datetime | None, ended: dt.datetime | None
    ) -> None:
        if begun is None or ended is None:
            return
        # Two machines tell the two times: they may differ by more than the stage took.
        seconds = max(0.0, (ended - begun).total_seconds())
        self._stages.labels(record.action, stage).observe(seconds)
