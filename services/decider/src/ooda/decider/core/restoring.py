"""What a person can do to give a service account back what it lost, exactly. Pure.

The agent does none of it: it may not write RBAC, and no action of the playbook does.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ooda.common.cluster.kinds import Kind
from ooda.common.events import INSTRUCTIONS_LIMIT
from ooda.common.known_good import KnownAccess
from ooda.common.ownership import owner_of
from ooda.common.permissions import access_of, allowed, binding_of, lost, rights_of
from ooda.common.targets import ServiceAccountTarget

RIGHTS = 12
"""Rights that are named in words."""

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Grants:
    """The Roles and RoleBindings of a namespace as they are now."""

    roles: Mapping[str, Object]
    bindings: Mapping[str, Object]


@dataclass(frozen=True, slots=True)
class _Restored:
    """One object: how it differs, and what it would be."""

    kind: Kind
    name: str
    before: Sequence[Object]
    now: Sequence[Object]
    body: Object
    live: Object | None
    replaced: bool = False
    """Whether it has to be deleted first: what a RoleBinding refers to cannot be changed."""


def instructions(account: ServiceAccountTarget, good: KnownAccess | None, grants: Grants) -> str:
    """Return what was lost, each object before and now, and the command to put it back.

    Empty if nothing was lost. What was added since is kept.
    """
    if good is None:
        return ""
    now = access_of(account.name, account.namespace, grants.roles, grants.bindings)
    gone = sorted(lost(good, now))
    if not gone:
        return ""
    restored = [*_roles(account.namespace, good, grants), *_bindings(account, good, grants)]
    named = ", ".join(str(each) for each in gone[:RIGHTS])
    more = f" and {len(gone) - RIGHTS} more" if len(gone) > RIGHTS else ""
    lines = [f"{account} lost: {named}{more}."]
    for each in restored:
        lines += _difference(each)
    lines += _command(account.namespace, restored)
    text = "\n".join(lines)
    if len(text) <= INSTRUCTIONS_LIMIT:
        return text
    where = f"kubectl -n {account.namespace} get knowngood catalog -o yaml"
    return f"{lines[0]}\nThe rest is too long to be shown; what was good is in: {where}"


def _roles(namespace: str, good: KnownAccess, grants: Grants) -> Iterator[_Restored]:
    for name, before in good.roles.items():
        live = grants.roles.get(name)
        now = _mappings(live, "rules")
        was, have = (_rights_by(rules, name) for rules in (before, now))
        if all(allowed(each, have) for each in was):
            continue
        added = [
            rule for rule in now if not all(allowed(each, was) for each in _rights_by([rule], name))
        ]
        body = _manifest(Kind.ROLE, namespace, name, {"rules": [*before, *added]})
        yield _Restored(Kind.ROLE, name, before, now, body, live)


def _rights_by(rules: Sequence[Object], name: str) -> frozenset[Any]:
    """Return what a Role allows to whom it is bound."""
    bound = {"": {"roleRef": {"kind": "Role", "name": name}}}
    return rights_of(KnownAccess(roles={name: tuple(rules)}, role_bindings=bound))


def _bindings(
    account: ServiceAccountTarget, good: KnownAccess, grants: Grants
) -> Iterator[_Restored]:
    for name, before in good.role_bindings.items():
        live = grants.bindings.get(name)
        there = dict(live or {})
        subjects = _mappings(there, "subjects")
        replaced = live is not None and there.get("roleRef") != before.get("roleRef")
        mine = access_of(account.name, account.namespace, {}, {name: there}).role_bindings
        if mine and not replaced:
            continue
        wanted = _mappings(before, "subjects")
        others = [each for each in subjects if each not in wanted] if not replaced else []
        content = {"roleRef": before.get("roleRef"), "subjects": [*wanted, *others]}
        body = _manifest(Kind.ROLE_BINDING, account.namespace, name, content)
        now = [binding_of(there)] if live is not None else []
        yield _Restored(Kind.ROLE_BINDING, name, [before], now, body, live, replaced)


def _mappings(value: Object | None, field: str) -> list[Object]:
    found = (value or {}).get(field)
    return [each for each in found or () if isinstance(each, Mapping)]


def _manifest(kind: Kind, namespace: str, name: str, content: Object) -> Object:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": kind.api_version, "kind": str(kind), "metadata": meta, **content}


def _difference(each: _Restored) -> Iterator[str]:
    gone = "" if each.live is not None else "; it is not there now"
    yield f"{each.kind} {_word(each.name)}, known good (-) and now (+){gone}:"
    for part in each.before:
        yield f"{' ' if part in each.now else '-'} {_json(part)}"
    for part in each.now:
        if part not in each.before:
            yield f"+ {_json(part)}"
    owner = owner_of(each.live) if each.live is not None else None
    if owner is not None:
        yield f"It belongs to {owner}: change it there, or it is changed back."


def _command(namespace: str, restored: Sequence[_Restored]) -> Iterator[str]:
    yield "To give it back:"
    for each in restored:
        if each.replaced:
            yield f"kubectl -n {namespace} delete {each.kind.plural} -- {_word(each.name)}"
    whole = {"apiVersion": "v1", "kind": "List", "items": [each.body for each in restored]}
    yield "kubectl apply -f - <<'END'"
    # One line of JSON, in which whatever a Role says cannot end the text.
    yield _json(whole)
    yield "END"


def _word(name: str) -> str:
    """Return a name as one word of a shell: that of a Role may be any text without a slash."""
    return shlex.quote(name) if name.isprintable() else shlex.quote(json.dumps(name))


def _json(value: Object) -> str:
    return json.dumps(value, default=str, separators=(", ", ": "))
