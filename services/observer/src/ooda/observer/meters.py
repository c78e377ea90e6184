"""What Prometheus can ask of the observer; docs/metrics.md says what each number means."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ooda.common.events import AnomalyFlagged
from ooda.observer.core.state import Namespace, State

_SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)


class Meters:
    """Counts what the fold says; what the state shows is read when Prometheus asks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._anomalies = Counter(
            "ooda_observer_anomalies",
            "Anomalies that were flagged.",
            ("signal",),
            registry=registry,
        )
        self._seen = Histogram(
            "ooda_observer_since_to_flagged_seconds",
            "Seconds from when the cluster says that it began until it was flagged.",
            ("signal",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.snapshots_dropped = Counter(
            "ooda_observer_snapshots_dropped",
            "Snapshots that the bus did not take.",
            registry=registry,
        )
        self._open = Gauge(
            "ooda_observer_anomalies_open", "Anomalies that are open.", registry=registry
        )
        self._pods = Gauge("ooda_observer_pods", "Pods that are watched.", registry=registry)
        self._blind = Gauge(
            "ooda_observer_blind_kinds",
            "Kinds of object that are not seen, or not any more.",
            registry=registry,
        )
        self._waiting = Gauge(
            "ooda_observer_inputs_waiting", "Inputs that the fold has not taken.", registry=registry
        )

    def flagged(self, event: AnomalyFlagged) -> None:
        """Count an anomaly, once: when the fold finds it."""
        self._anomalies.labels(event.signal).inc()
        # Two machines tell the two times; the fold lets none begin after it was flagged.
        seconds = (event.occurred_at - event.since).total_seconds()
        self._seen.labels(event.signal).observe(seconds)

    def read_from(self, state: Callable[[], State], waiting: Callable[[], int]) -> None:
        """Have the state's own numbers read from here."""
        self._open.set_function(lambda: sum(len(each.open) for each in _spaces(state())))
        self._pods.set_function(lambda: sum(len(each.pods) for each in _spaces(state())))
        self._blind.set_function(lambda: len(state().blind))
        self._waiting.set_function(waiting)


def _spaces(state: State) -> Iterable[Namespace]:
    return state.namespaces.values()
