"""What the code of a service asks an API server for, read from its source.

The door to the API server is three protocols; a call of it is a method of theirs on something that
is called like a door. Its first argument is the kind: written out, or a variable that ``KINDS_OF``
says all values of. What a service takes from ``ooda.common`` is read as far as it is taken: the one
function or class that is imported.
"""

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

from ooda.common.cluster.kinds import Kind

_DOORS = frozenset({"api", "reader", "writer", "watcher", "_api", "_reader", "_writer"})
_VERBS: Mapping[str, tuple[str, ...]] = {
    "get": ("get",),
    "list": ("list",),
    "watch": ("list", "watch"),
    "patch": ("patch",),
    "create": ("create",),
    "replace": ("update",),
    "delete": ("delete",),
}
_WITHOUT_KIND: Mapping[str, tuple[str, ...]] = {
    "logs": ("get pods/log",),
    "evict": ("get pods", "create pods/eviction"),
    "resize": ("patch pods/resize",),
    "may": ("create authorization.k8s.io/localsubjectaccessreviews",),
    "is_let_in": ("create serviceaccounts/token",),
}

KindsOf = Mapping[tuple[str, str], frozenset[Kind]]
"""Function (with its module) and expression of a variable kind, and all that it can be there."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class UnknownKindError(Exception):
    """A door is called with a kind that cannot be read from the source."""


def right(verb: str, kind: Kind, subresource: str = "") -> str:
    """Return a verb and a resource as RBAC names them, such as ``get apps/deployments``."""
    return f"{verb} {kind.group + '/' if kind.group else ''}{kind.plural}{subresource}"


def rights_used(package: str, kinds_of: KindsOf, *, but: frozenset[str] = frozenset()) -> set[str]:
    """Return the rights that the code of a service uses, but for what it imports by these names.

    Raises UnknownKindError.
    """
    found: set[str] = set()
    for module, path in _modules(package):
        tree = ast.parse(path.read_text())
        found |= set(_rights(module, tree, kinds_of))
        for source, name in _imported(tree):
            if name not in but:
                found |= rights_of(source, name, kinds_of)
    return found


def rights_of(module: str, name: str, kinds_of: KindsOf) -> set[str]:
    """Return the rights that one function or class uses. Raises UnknownKindError."""
    path = _file(module)
    if path is None:
        return set()
    return {
        each
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef | _Function) and node.name == name
        for each in _rights(f"{module}:{name}", node, kinds_of)
    }


def names_in(package: str) -> set[str]:
    """Return every name that is called in a service."""
    return {
        node.func.id
        for _, path in _modules(package)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def _modules(package: str) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(package)
    assert spec is not None, package
    root = Path(next(iter(spec.submodule_search_locations or ())))
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join((package, *parts)), path


def _file(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ooda.common"):
            for each in node.names:
                yield node.module or "", each.name


def _rights(place: str, tree: ast.AST, kinds_of: KindsOf) -> Iterator[str]:
    """Yield what is asked for below a node; ``place`` is the module, and the function within."""
    for node in ast.iter_child_nodes(tree):
        module = place.partition(":")[0]
        inside = f"{module}:{node.name}" if isinstance(node, _Function) else place
        yield from _asked(inside, node, kinds_of)
        yield from _rights(inside, node, kinds_of)


def _asked(place: str, node: ast.AST, kinds_of: KindsOf) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute(value=door, attr=method), args=arguments):
            if _last_name(door) not in _DOORS:
                return
            yield from _WITHOUT_KIND.get(method, ())
            for verb in _VERBS.get(method, ()):
                for kind in _kinds(place, arguments[0], kinds_of):
                    yield right(verb, kind)


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _kinds(place: str, given: ast.expr, kinds_of: KindsOf) -> frozenset[Kind]:
    match given:
        case ast.Attribute(value=ast.Name(id="Kind"), attr=name):
            return frozenset({Kind[name]})
    expression = ast.unparse(given)
    try:
        return kinds_of[place, expression]
    except KeyError:
        raise UnknownKindError(f"{place}: which kinds can `{expression}` be?") from None
