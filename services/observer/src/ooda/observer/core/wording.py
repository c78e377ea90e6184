"""Put what was found into events, each with one plain sentence for a person."""

import datetime as dt

from ooda.common.events import SUMMARY_LIMIT, AnomalyCleared, AnomalyFlagged, derive_id
from ooda.observer.core.deviations import Deviation, observed
from ooda.observer.core.graph import (
    ready_endpoints,
    related,
    served_by,
    services_of,
    target_of,
)
from ooda.observer.core.known import changed_config_maps
from ooda.observer.core.state import Namespace, kind_of
from ooda.observer.core.views import Key, Pod

SERVICES_LIMIT = 5
"""Services of which a flag says how many endpoints are ready."""


def flagged(
    cluster_id: str, namespace: Namespace, key: Key, found: Deviation, now: dt.datetime
) -> AnomalyFlagged:
    """Return the event that says that something deviates."""
    target = target_of(namespace.name, key)
    pod = found.pod
    since = to_milliseconds(_within(found.since or now, pod, now))
    anomaly_id = derive_id(
        "anomaly", cluster_id, str(target), found.signal, found.container, since.isoformat()
    )
    return AnomalyFlagged(
        event_id=derive_id(AnomalyFlagged.subject, anomaly_id),
        summary=f"{key[1]} ({key[0]}) {found.sentence}"[:SUMMARY_LIMIT],
        occurred_at=now,
        cluster_id=cluster_id,
        namespace=namespace.name,
        anomaly_id=anomaly_id,
        signal=found.signal,
        hard=True,
        target=target,
        since=since,
        pod=pod.meta.name if pod else None,
        node=pod.node if pod else None,
        related=found.related or related(namespace, key, pod.meta.name if pod else None),
        observed={**found.observed, **_traffic(namespace, key), **_configs(namespace, pod)},
    )


def _configs(namespace: Namespace, pod: Pod | None) -> dict[str, str]:
    """Return which ConfigMaps that the pod uses are not as they were when they were good."""
    names = changed_config_maps(namespace, pod.config_maps) if pod else ()
    return observed(changed_config_maps=", ".join(names))


def _within(since: dt.datetime, pod: Pod | None, now: dt.datetime) -> dt.datetime:
    """Return a time that is not before the pod was made, nor after now: clocks differ."""
    made = pod.meta.created_at if pod else None
    return min(max(since, made) if made else since, now)


def _traffic(namespace: Namespace, key: Key) -> dict[str, str]:
    """Return how many pods of each Service get traffic, where EndpointSlices say so."""
    services = services_of(namespace, key, served_by(namespace))[:SERVICES_LIMIT]
    counts = {each: ready_endpoints(namespace, each) for each in services}
    told = ", ".join(f"{name} {count}" for name, count in counts.items() if count is not None)
    return observed(ready_endpoints=told)


def cleared(event: AnomalyFlagged, now: dt.datetime) -> AnomalyCleared:
    """Return the event that says that a flagged anomaly is gone."""
    name = getattr(event.target, "name", str(event.target))
    kind = kind_of(event.target)
    signal = event.signal.replace("_", " ")
    return AnomalyCleared(
        event_id=derive_id(AnomalyCleared.subject, event.anomaly_id),
        summary=f"{name} ({kind}) no longer shows {signal}"[:SUMMARY_LIMIT],
        occurred_at=now,
        cluster_id=event.cluster_id,
        namespace=event.namespace,
        caused_by=(event.event_id,),
        anomaly_id=event.anomaly_id,
        signal=event.signal,
        target=event.target,
        since=event.since,
    )


def to_milliseconds(at: dt.datetime) -> dt.datetime:
    """Return a time as events have it, so that an identity is computed from what is published."""
    return at.astimezone(dt.UTC).replace(microsecond=at.microsecond // 1000 * 1000)
