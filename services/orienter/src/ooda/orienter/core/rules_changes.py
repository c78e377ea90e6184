"""What changed on a workload lately, against what is known to be good. Pure."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ooda.common.findings import Change
from ooda.common.known_good import (
    SERVICE_PARTS,
    KnownGoodSpec,
    last_good_service,
    last_good_template,
    workload_key,
)
from ooda.common.targets import ServiceTarget, WorkloadTarget
from ooda.orienter.core.findings import Seen
from ooda.orienter.core.objects import (
    REVISION,
    TEMPLATE_HASH,
    Object,
    Pod,
    items,
    mapping,
    metadata,
    moment,
    text,
)

EARLIER_REVISIONS = "deployment.kubernetes.io/revision-history"
"""On a ReplicaSet: the revisions that it was before the one that it is now."""

UNREAD = dt.timedelta(minutes=10)
"""After which a change no longer explains what comes after it (``change.window_seconds``)."""
FIELDS = 20
"""Paths that a change names at most."""

_BY_NAME = ("name", "containerPort", "mountPath", "key", "topologyKey")
"""Keys by which items of a list are matched, the first that all of them have."""


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """What was read to tell what changed."""

    target: WorkloadTarget
    workload: Object
    replica_sets: Sequence[Object]
    pods: Sequence[Pod]
    known_good: KnownGoodSpec | None
    config_maps: Mapping[str, Object]


def recent_change(facts: ChangeFacts) -> Seen:
    """Tell the newest change of template, replicas or ConfigMaps, with its time and fields."""
    template, template_at, can_return = _template(facts)
    replicas, replicas_at = _replicas(facts)
    configs, configs_at = _configs(facts)
    remark = ""
    if template_at is not None and _old_revision_fails(facts):
        remark = (
            f"the template changed at {template_at:%H:%M:%S}: {', '.join(template)}; "
            "but pods of the previous revision fail too"
        )
        template, template_at, can_return = (), None, False
    fields = (*template, *replicas, *configs)[:FIELDS]
    times = [at for at in (template_at, replicas_at, configs_at) if at is not None]
    if not times:
        return Seen(excerpt=remark or "nothing is known to have changed")
    at = max(times)
    excerpt = f"changed at {at:%H:%M:%S}: {', '.join(fields)}"
    if remark:
        excerpt = f"{excerpt}; {remark}"
    # A ConfigMap is only told of against its known good content.
    known = can_return or bool(replicas) or bool(configs)
    change = Change(target=facts.target, fields=fields, changed_at=at, known_good=known)
    return Seen(excerpt=excerpt, change=change)


def recent_service_change(target: ServiceTarget, service: Object, known: KnownGoodSpec) -> Seen:
    """Tell when a Service was told to lead elsewhere than it did when it was good."""
    spec = mapping(service.get("spec"))
    good = last_good_service(known, target.name, spec)
    at = written_at(service, ("f:spec",))
    if good is None or at is None:
        return Seen(excerpt="nothing is known to have changed")
    fields = tuple(
        path
        for part in SERVICE_PARTS
        for path in differences(good.get(part), spec.get(part), f"spec.{part}")
    )[:FIELDS]
    change = Change(target=target, fields=fields, changed_at=at, known_good=True)
    return Seen(excerpt=f"changed at {at:%H:%M:%S}: {', '.join(fields)}", change=change)


def differences(old: Any, new: Any, path: str) -> Iterator[str]:
    """Name the paths at which two JSON values differ, list items by their names."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from differences(old.get(key), new.get(key), f"{path}.{key}")
    elif (key := _key_of(old, new)) is not None:
        olds, news = _named(old, key), _named(new, key)
        for name in sorted({*olds, *news}):
            yield from differences(olds.get(name), news.get(name), f"{path}[{name}]")
    elif old != new:
        yield path


def _key_of(old: Any, new: Any) -> str | None:
    if not isinstance(old, list) or not isinstance(new, list) or not (old or new):
        return None
    both = [*old, *new]
    if not all(isinstance(each, Mapping) for each in both):
        return None
    return next((key for key in _BY_NAME if all(key in each for each in both)), None)


def _named(values: list[Object], key: str) -> dict[str, Object]:
    return {str(each[key]): each for each in values}


def _template(facts: ChangeFacts) -> tuple[tuple[str, ...], dt.datetime | None, bool]:
    """Return what differs from the known good template, or else from the previous revision's."""
    current = mapping(mapping(facts.workload.get("spec")).get("template"))
    good = None
    if facts.known_good is not None:
        good = last_good_template(
            facts.known_good, facts.target.workload_kind, facts.target.name, current
        )
    history = sorted(facts.replica_sets, key=_revision)
    previous = _plain_template(history[-2]) if len(history) > 1 else None
    before = good if good is not None else previous
    if before is None:
        return (), None, False
    at = _template_changed_at(facts, history)
    fields = tuple(differences(before, current, "spec.template"))
    return (fields, at, good is not None) if fields and at else ((), None, False)


def _template_changed_at(facts: ChangeFacts, history: Sequence[Object]) -> dt.datetime | None:
    """Return when the newest ReplicaSet was made; if an old one serves again, who wrote last.

    One that has been the newest before says so: a release that is tried again gets its old one.
    """
    made = [moment(metadata(each).get("creationTimestamp")) for each in history]
    again = bool(history) and EARLIER_REVISIONS in mapping(metadata(history[-1]).get("annotations"))
    newest = made[-1] if made and not again else None
    if newest is not None and all(at is None or at <= newest for at in made):
        return newest
    return written_at(facts.workload, ("f:spec", "f:template"))


def _replicas(facts: ChangeFacts) -> tuple[tuple[str, ...], dt.datetime | None]:
    if facts.known_good is None:
        return (), None
    key = workload_key(facts.target.workload_kind, facts.target.name)
    known = facts.known_good.workloads.get(key)
    wanted = mapping(facts.workload.get("spec")).get("replicas")
    if known is None or known.replicas is None or known.replicas == wanted:
        return (), None
    path = ("f:spec", "f:replicas")
    at = written_at(facts.workload, path)
    if at is None and facts.replica_sets:
        # Nobody owns a number of 0 that was written through ``scale``: its controller passed it on.
        at = written_at(max(facts.replica_sets, key=_revision), path)
    return (("spec.replicas",), at) if at else ((), None)


def _configs(facts: ChangeFacts) -> tuple[tuple[str, ...], dt.datetime | None]:
    """Name keys of ConfigMaps that the workload uses and that differ from their known good.

    What is taken away leaves no time in ``managedFields``, and what was written before a state was
    recorded as good is not the difference: such a change was made before the newest pod was. One
    that no pod had read for long begins for the workload with the first that did.
    """
    key = workload_key(facts.target.workload_kind, facts.target.name)
    workload = facts.known_good.workloads.get(key) if facts.known_good else None
    recorded = workload.healthy_at if workload else None
    newest = max((each.created_at for each in facts.pods if each.created_at), default=None)
    fields: list[str] = []
    times: list[dt.datetime] = []
    known = facts.known_good.config_maps if facts.known_good else {}
    for name, config in sorted(facts.config_maps.items()):
        versions = known.get(name, ())
        now = {part: mapping(config.get(part)) for part in ("data", "binaryData")}
        if not versions:
            continue
        old = {part: mapping(versions[-1].get(part)) for part in ("data", "binaryData")}
        differing = [path[1:] for path in differences(old, now, "")]
        at = written_at(config, ())
        if at is None or (recorded is not None and at < recorded):
            at = newest
        at = _met(at, facts.pods)
        if differing and at:
            fields += [f"configmap/{name}.{path}" for path in differing]
            times.append(at)
    return tuple(fields), max(times, default=None)


def _met(at: dt.datetime | None, pods: Sequence[Pod]) -> dt.datetime | None:
    """Return when a change was met: when it was made, or with the first pod after a long while."""
    if at is None:
        return None
    first = min((e.created_at for e in pods if e.created_at and e.created_at >= at), default=at)
    return first if first - at > UNREAD else at


def written_at(obj: Object, path: tuple[str, ...]) -> dt.datetime | None:
    """Return when a manager that owns a field wrote last, as ``managedFields`` has it."""
    times = [
        at
        for entry in items(metadata(obj).get("managedFields"))
        if entry.get("subresource") != "status"
        and _owns(mapping(entry.get("fieldsV1")), path)
        and (at := moment(entry.get("time"))) is not None
    ]
    return max(times, default=None)


def _owns(fields: Object, path: tuple[str, ...]) -> bool:
    for step in path:
        if step not in fields:
            return False
        fields = mapping(fields[step])
    return True


def _revision(replica_set: Object) -> int:
    value = text(mapping(metadata(replica_set).get("annotations")).get(REVISION))
    return int(value) if value.isdecimal() else 0


def _plain_template(replica_set: Object) -> Object:
    """Return the template without the hash that the Deployment controller adds."""
    template = mapping(mapping(replica_set.get("spec")).get("template"))
    meta = mapping(template.get("metadata"))
    labels = {
        key: value for key, value in mapping(meta.get("labels")).items() if key != TEMPLATE_HASH
    }
    return {**template, "metadata": {**meta, "labels": labels}}


def _old_revision_fails(facts: ChangeFacts) -> bool:
    """Return whether pods from before the change fail too: then it did not begin with it."""
    history = sorted(facts.replica_sets, key=_revision)
    if not history:
        return False
    labels = mapping(metadata(history[-1]).get("labels"))
    newest = text(labels.get(TEMPLATE_HASH))
    return any(pod.in_trouble for pod in facts.pods if pod.template_hash not in (None, "", newest))
