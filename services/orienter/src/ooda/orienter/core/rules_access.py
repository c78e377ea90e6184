"""What a service account may not do any more, and whether its pods were denied it. Pure."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ooda.common.denials import denials
from ooda.common.findings import Change
from ooda.common.known_good import KnownAccess
from ooda.common.permissions import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    ROLE,
    Rights,
    access_of,
    changed_grants,
    cluster_roles_of,
    lost,
    rights_of,
)
from ooda.common.targets import ServiceAccountTarget
from ooda.orienter.core.findings import Seen
from ooda.orienter.core.objects import Object, mapping, metadata, moment
from ooda.orienter.core.rules_changes import FIELDS, written_at
from ooda.orienter.core.signs import Sign

RIGHTS = 12
"""Rights that an excerpt names."""
LINES = 8
BUILT_IN = "kubernetes.io/bootstrapping"
"""The label of what the API server itself makes."""
MADE = dt.timedelta(seconds=1)
"""The cluster tells times in whole seconds: what was written by then was made like that."""


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """What was read of the grants of one account in its namespace."""

    target: ServiceAccountTarget
    good: KnownAccess | None
    """None if nothing is recorded."""
    roles: Mapping[str, Object]
    bindings: Mapping[str, Object]
    cluster_roles: Mapping[str, Object] = field(default_factory=dict)
    cluster_bindings: Mapping[str, Object] = field(default_factory=dict)
    """All of the cluster; what was good is not known of them."""

    @property
    def now(self) -> KnownAccess:
        """Return what grants it its rights now."""
        return access_of(self.target.name, self.target.namespace, self.roles, self.bindings)

    @property
    def lost(self) -> Rights:
        """Return what it might do while all was well, and may not any more."""
        return lost(self.good, self.now) if self.good is not None else frozenset()


def recent_access_change(facts: AccessFacts, seen_at: dt.datetime | None) -> Seen:
    """Tell which Roles and RoleBindings took rights away, and when.

    What was deleted, or emptied, has left no time of it in ``managedFields``: what counts is when
    the observer saw it, if it did. Of a ClusterRole it is only known that it was changed, not how.
    """
    if facts.good is None or not facts.lost:
        return _cluster_change(facts)
    changes = dict(_changes(facts.good, facts))
    times = [at for at in (seen_at, *changes.values()) if at is not None]
    said = f"lost: {_listed(facts.lost)}; changed: {', '.join(changes)}"
    if not times:
        return Seen(excerpt=f"{said}; it is not known when")
    at = max(times)
    change = Change(
        target=facts.target, fields=tuple(changes)[:FIELDS], changed_at=at, known_good=True
    )
    return Seen(excerpt=f"changed at {at:%H:%M:%S}; {said}", change=change)


def _cluster_change(facts: AccessFacts) -> Seen:
    """Tell when a ClusterRole or ClusterRoleBinding of the account was changed last."""
    times = {
        name: at
        for name, each in _of_cluster(facts).items()
        if (at := written_at(each, ())) is not None and at > _made(each) + MADE
    }
    if not times:
        return Seen(excerpt="no right is known to have been taken away")
    at = max(times.values())
    said = f"changed at {at:%H:%M:%S}: {', '.join(sorted(times))}; what it was before is not known"
    change = Change(
        target=facts.target, fields=tuple(sorted(times))[:FIELDS], changed_at=at, known_good=False
    )
    return Seen(excerpt=said, change=change)


def _of_cluster(facts: AccessFacts) -> dict[str, Object]:
    """Return the ClusterRoleBindings that name the account, and the ClusterRoles that it has.

    Without those that every cluster has for everybody.
    """
    own = {
        name: each for name, each in facts.cluster_bindings.items()
        if BUILT_IN not in mapping(metadata(each).get("labels"))
    }  # fmt: skip
    bound = access_of(facts.target.name, facts.target.namespace, {}, own).role_bindings
    names = cluster_roles_of([*bound.values(), *facts.now.role_bindings.values()])
    bindings = {f"{CLUSTER_ROLE_BINDING}/{e}": facts.cluster_bindings[e] for e in bound}
    there = names & facts.cluster_roles.keys()
    return bindings | {f"{CLUSTER_ROLE}/{e}": facts.cluster_roles[e] for e in there}


def _made(each: Object) -> dt.datetime:
    made = moment(metadata(each).get("creationTimestamp"))
    return made or dt.datetime.min.replace(tzinfo=dt.UTC)


def _changes(good: KnownAccess, facts: AccessFacts) -> Iterator[tuple[str, dt.datetime | None]]:
    for changed in changed_grants(good, facts.roles, facts.bindings):
        kind, _, name = changed.partition("/")
        found = (facts.roles if kind == ROLE else facts.bindings).get(name)
        yield changed, written_at(found, ()) if found is not None else None


def read_permissions(facts: AccessFacts) -> Seen:
    """Tell whether the account may do now all that it might do while all was well.

    That something is missing is said by the change already; it is no second witness. What it has by
    a ClusterRole is not known in detail, so there it cannot be said that nothing is missing.
    """
    if facts.good is None:
        return Seen(excerpt="no grants are known to be good")
    if not facts.lost and _of_cluster(facts):
        return Seen(excerpt="it has what its Roles gave; of its ClusterRoles that is not known")
    if not facts.lost:
        return Seen(frozenset({Sign.ACCESS_AS_GOOD}), "it may do all that it might do before")
    return Seen(excerpt=f"it may not any more: {_listed(facts.lost)}")


def read_account_logs(
    facts: AccessFacts, logs: Sequence[str], since: dt.datetime | None = None
) -> Seen:
    """Tell whether logs say that the account was denied what it lost.

    What it never might do, it is denied as it always was: that is no sign.
    """
    said = denials(logs, facts.target.name, facts.target.namespace, since)
    gone, left = facts.lost, rights_of(facts.now)
    missed = [each for each in said if each.is_of(gone, left)]
    excerpt = "\n".join(each.line for each in missed[-LINES:])
    beyond = [each.line for each in said if each.is_beyond(left)] if not gone else []
    if beyond:
        # It may have had that by a ClusterRole, or never.
        return Seen(frozenset({Sign.LOG_DENIED_BEYOND_ROLES}), "\n".join(beyond[-LINES:]))
    if not missed:
        return Seen(frozenset({Sign.LOG_NOTHING_DENIED}), "nothing that was lost is denied there")
    vague = all(each.vague for each in missed)
    return Seen(frozenset({Sign.LOG_DENIED_VAGUELY if vague else Sign.LOG_ACCESS_DENIED}), excerpt)


def read_denials(texts: Sequence[str], accounts: Collection[str], namespace: str) -> Seen:
    """Tell whether logs of a workload say that one of its own accounts was denied something.

    That alone blames nothing: whether it was ever allowed is asked about the account.
    """
    signs: set[Sign] = set()
    lines: list[str] = []
    pointed: list[ServiceAccountTarget] = []
    for account in sorted(accounts):
        said = denials(texts, account, namespace)
        if said:
            vague = all(each.vague for each in said)
            signs.add(Sign.LOG_DENIED_VAGUELY if vague else Sign.LOG_ACCESS_DENIED)
            lines += [each.line for each in said]
            pointed.append(ServiceAccountTarget(namespace=namespace, name=account))
    return Seen(frozenset(signs), "\n".join(dict.fromkeys(lines[-LINES:])), tuple(pointed))


def _listed(rights: Rights) -> str:
    more = len(rights) - RIGHTS
    named = ", ".join(str(each) for each in sorted(rights)[:RIGHTS])
    return f"{named} and {more} more" if more > 0 else named
