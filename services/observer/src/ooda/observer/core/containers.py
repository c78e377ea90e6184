"""From the raw status of a pod to the views of its containers."""

import datetime as dt
from dataclasses import replace

from ooda.common.masking import mask
from ooda.observer.core.reading import Json, items, mapping, moment, number, text
from ooda.observer.core.views import Container

BASE_BUDGET = 30.0
"""Seconds that every start may take beside its probes: scheduling, pull, the program's own start.

A cold pull of a usual image took up to 12 s on the reference cluster.
"""
STARTED_BUDGET = 15.0
"""And beside its readiness probe once its start-up probe has passed: by the word of its owner the
start is over then; what it still waits for, such as connections, may take this long."""
CONTAINERS_LIMIT = 64


def parse_containers(spec: Json, status: Json, message_limit: int) -> tuple[Container, ...]:
    """Return all containers that the kubelet has a status of, init containers first."""
    found = []
    for states, specs, init in (
        ("initContainerStatuses", "initContainers", True),
        ("containerStatuses", "containers", False),
    ):
        by_name = {text(each.get("name")): each for each in items(spec.get(specs))}
        for each in items(status.get(states)):
            declared = by_name.get(text(each.get("name")), {})
            found.append(_container(each, declared, init=init, message_limit=message_limit))
    return tuple(found[:CONTAINERS_LIMIT])


def _container(raw: Json, declared: Json, *, init: bool, message_limit: int) -> Container:
    state = mapping(raw, "state")
    waiting = mapping(state, "waiting")
    now_over = mapping(state, "terminated")
    ended = now_over or mapping(raw, "lastState", "terminated")
    started, finished = moment(ended.get("startedAt")), moment(ended.get("finishedAt"))
    ran = (finished - started).total_seconds() if started and finished else 0.0
    return Container(
        name=text(raw.get("name")),
        image=text(declared.get("image")) or text(raw.get("image")),
        ready=raw.get("ready") is True,
        restarts=number(raw.get("restartCount")),
        init=init,
        waiting=(text(waiting.get("reason")) or "Waiting") if "waiting" in state else None,
        message=mask(text(waiting.get("message")))[:message_limit],
        running_since=moment(mapping(state, "running").get("startedAt")),
        terminated=bool(now_over),
        exit_code=number(ended.get("exitCode")) if "exitCode" in ended else None,
        reason=text(ended.get("reason")) or None,
        finished_at=finished,
        ran_seconds=max(ran, 0.0),
        start_budget=BASE_BUDGET
        + _probe(declared, "startupProbe")
        + _probe(declared, "readinessProbe"),
        ready_budget=STARTED_BUDGET + _probe(declared, "readinessProbe")
        if raw.get("started") is True and "startupProbe" in declared
        else None,
        memory_limit=_limit(raw) or _limit(declared),
    )


def _limit(container: Json) -> str:
    """Return a memory limit, of a status the one that is in force; empty if there is none."""
    return str(mapping(container, "resources", "limits").get("memory") or "")


def with_starts(
    containers: tuple[Container, ...], known: tuple[Container, ...], now: dt.datetime
) -> tuple[Container, ...]:
    """Return containers with the times at which they were first seen to have started up."""
    before = {(each.name, each.running_since): each.started_at for each in known}
    return tuple(
        each
        if each.ready_budget is None
        else replace(each, started_at=before.get((each.name, each.running_since)) or now)
        for each in containers
    )


def _probe(declared: Json, name: str) -> float:
    """Return the seconds until a probe has failed for good; the defaults are the API server's."""
    probe = mapping(declared, name)
    if not probe:
        return 0.0
    period, threshold = (
        number(probe.get("periodSeconds"), 10),
        number(probe.get("failureThreshold"), 3),
    )
    return float(min(number(probe.get("initialDelaySeconds")) + period * threshold, 3600))
