"""What a service account may do in its namespace, as Roles and RoleBindings say. Pure and total.

Rules of a ClusterRole are not read: that it is bound is one right of its own, which is there or is
not. Nobody but the API server decides by this: it tells what was taken away from what is left.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from ooda.common.known_good import KnownAccess

ANY = "*"
RIGHTS_LIMIT = 2000
"""Rights of one account that are looked at."""
_ODD = re.compile(r"[^\w.*/:-]", re.ASCII)
ROLE, ROLE_BINDING = "role", "rolebinding"
CLUSTER_ROLE, CLUSTER_ROLE_BINDING = "clusterrole", "clusterrolebinding"
"""How a changed object begins, before its name, among the fields of a change."""
BOUND = "bound"
"""The verb of what is not known in detail: all that a ClusterRole allows."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource; ``name`` is empty for all objects of it."""

    verb: str
    group: str
    resource: str
    """With a subresource after a slash."""
    name: str = ""

    def __str__(self) -> str:
        if self.verb == BOUND:
            return f"what ClusterRole {_word(self.name)} allows"
        whole = f"{self.resource}.{self.group}" if self.group else self.resource
        return " ".join(_word(each) for each in (self.verb, whole, self.name) if each)

    def covers(self, other: "Right") -> bool:
        """Return whether who has this right may do the other."""
        pairs = ((self.verb, other.verb), (self.group, other.group))
        _, slash, sub = other.resource.partition("/")
        resources = {ANY, other.resource} | ({f"{ANY}/{sub}"} if slash else set())
        return (
            all(mine in (ANY, its) for mine, its in pairs)
            and self.resource in resources
            and self.name in ("", other.name)
        )


Rights = frozenset[Right]


def access_of(
    account: str,
    namespace: str,
    roles: Mapping[str, Mapping[str, Any]],
    bindings: Mapping[str, Mapping[str, Any]],
) -> KnownAccess:
    """Return the RoleBindings that name an account, and the Roles that they give it.

    Roles are given by name as mappings with ``rules``, bindings with ``roleRef`` and ``subjects``.
    """
    mine = {
        name: binding_of(each)
        for name, each in sorted(bindings.items())
        if any(_names(subject, account, namespace) for subject in _items(each.get("subjects")))
    }
    named = {name for kind, name in map(_role_of, mine.values()) if kind == "Role"}
    rules = {name: rules_of(roles[name]) for name in sorted(named) if name in roles}
    return KnownAccess(roles=rules, role_bindings=mine)


def cluster_roles_of(bindings: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the names of the ClusterRoles that bindings refer to."""
    return frozenset(name for kind, name in map(_role_of, bindings) if kind == "ClusterRole")


def rights_of(access: KnownAccess) -> Rights:
    """Return all that an account may do by these Roles and RoleBindings."""
    return frozenset(islice(_rights(access), RIGHTS_LIMIT))


def lost(before: KnownAccess, now: KnownAccess) -> Rights:
    """Return what was allowed and is not any more; by which objects does not matter."""
    left = rights_of(now)
    return frozenset(each for each in rights_of(before) if not allowed(each, left))


def allowed(right: Right, rights: Iterable[Right]) -> bool:
    """Return whether one of the rights covers another one."""
    return any(each.covers(right) for each in rights)


def changed_grants(
    good: KnownAccess,
    roles: Mapping[str, Mapping[str, Any]],
    bindings: Mapping[str, Mapping[str, Any]],
) -> tuple[str, ...]:
    """Name the Roles and RoleBindings that are not as they were, as ``role/NAME``, for example."""
    rules = (
        f"{ROLE}/{name}"
        for name, before in sorted(good.roles.items())
        if name not in roles or rules_of(roles[name]) != tuple(before)
    )
    bound = (
        f"{ROLE_BINDING}/{name}"
        for name, before in sorted(good.role_bindings.items())
        if name not in bindings or binding_of(bindings[name]) != before
    )
    return (*rules, *bound)


def _rights(access: KnownAccess) -> Iterator[Right]:
    for binding in access.role_bindings.values():
        kind, name = _role_of(binding)
        if kind == "ClusterRole":
            yield Right(BOUND, "", "", name)
        for rule in access.roles.get(name, ()) if kind == "Role" else ():
            lists = (rule.get(each) for each in ("verbs", "apiGroups", "resources"))
            names = list(_texts(rule.get("resourceNames"))) or [""]
            for verb, group, resource, each in product(*map(_texts, lists), names):
                yield Right(verb, group, resource, each)


def _role_of(binding: Mapping[str, Any]) -> tuple[str, str]:
    reference = binding.get("roleRef")
    if not isinstance(reference, Mapping):
        return "", ""
    return str(reference.get("kind")), str(reference.get("name"))


def _names(subject: Mapping[str, Any], account: str, namespace: str) -> bool:
    """Return whether a subject of a RoleBinding is an account, or a group that it is in."""
    name = subject.get("name")
    match subject.get("kind"):
        case "ServiceAccount":
            return name == account and subject.get("namespace", namespace) == namespace
        case "User":
            return name == user_of(account, namespace)
        case "Group":
            everybody = "system:serviceaccounts", "system:authenticated"
            return name in (*everybody, f"system:serviceaccounts:{namespace}")
    return False


def binding_of(binding: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a RoleBinding says."""
    return {field: binding.get(field) for field in ("roleRef", "subjects")}


def by_name(objects: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return objects of the API server by their names."""
    return {str((each.get("metadata") or {}).get("name")): each for each in objects}


def user_of(account: str, namespace: str) -> str:
    """Return the name by which the API server knows a service account."""
    return f"system:serviceaccount:{namespace}:{account}"


def rules_of(role: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return what a Role says."""
    return tuple(_items(role.get("rules")))


def _word(text: str) -> str:
    """Return a word of a rule for a person: the API server takes any text for one."""
    return _ODD.sub("?", text[:100])


def _items(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list | tuple):
        yield from (each for each in value if isinstance(each, Mapping))


def _texts(value: object) -> list[str]:
    return [e for e in value if isinstance(e, str)] if isinstance(value, list | tuple) else []
