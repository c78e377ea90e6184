"""What Prometheus can ask of the recorder; docs/metrics.md says what each number means."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Meters:
    """Counts what the database took, and how long it took for it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter(
            "ooda_recorder_events",
            "Events that the database confirmed, repeated ones too.",
            ("account",),
            registry=registry,
        )
        self.snapshots = Counter(
            "ooda_recorder_snapshots", "Snapshots that the database confirmed.", registry=registry
        )
        self.write_seconds = Histogram(
            "ooda_recorder_write_seconds",
            "Seconds of a transaction, also of one that failed.",
            ("table",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.away = Gauge(
            "ooda_recorder_database_away",
            "1 if the database took nothing the last time.",
            registry=registry,
        )
