"""`ooda mode`: how far the agent may go in a namespace, by the operator's own kubeconfig."""

from collections.abc import Sequence
from typing import Annotated

import typer

from ooda.cli.session import (
    NOT_WELL,
    UNUSABLE,
    Output,
    OutputOption,
    fail,
    finish,
    load_settings,
    print_json,
    print_table,
)
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import ClusterWriter, NotFound, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.modes import MODE_LABEL, SYSTEM_NAMESPACES, mode_of
from ooda.common.settings import Settings
from ooda.common.taxonomy import Mode

_MEANS = {
    Mode.OBSERVE: "it watches and diagnoses, asks nothing, changes nothing",
    Mode.PROPOSE: "it asks a person, and does what was approved",
    Mode.AUTO: "it acts alone where the policy lets it, and asks else",
}
_NO_LABEL = (
    "it asks a person; nothing is written, not even what is approved, until it has the label"
)
_NEVER = "the system's or the agent's own: never acted in, whatever the label says"


def mode(
    namespace: Annotated[str | None, typer.Argument(help="Without one: all of them.")] = None,
    new: Annotated[Mode | None, typer.Argument(metavar="[observe|propose|auto]")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show how far the agent may go in a namespace, or set it.

    It is label `ooda.dev/mode` of the Namespace. Without one it is `propose`, but nothing is
    written there: the label is what opts a namespace in. It is set as you, with your kubeconfig:
    the agent itself may not change it. Both the decision and the write look at it anew, so it
    holds for what is under way too.

    For example: `ooda mode`, `ooda mode shop`, `ooda mode shop auto`.

    Exit status: 0 it is so; 1 there is no such namespace; 2 it cannot be set there; 3 the API
    server is away or refuses.
    """
    if new is not None and namespace in SYSTEM_NAMESPACES:
        fail(f"{namespace} is {_NEVER}.", UNUSABLE)
    found = finish(_look_or_set(load_settings(), namespace, new))
    if found is None:
        fail(f"There is no namespace {namespace}.", NOT_WELL)
    rows = [_row(each) for each in found]
    if output is Output.JSON:
        print_json([dict(zip(("namespace", "mode", "label"), row, strict=False)) for row in rows])
    else:
        print_table(
            ("namespace", "mode", "label", "what it means"),
            [(name, mode, label or "none", means) for name, mode, label, means in rows],
            empty="There is no namespace.",
        )


def _row(namespace: Object) -> tuple[str, str, str | None, str]:
    labels = namespace["metadata"].get("labels") or {}
    name = str(namespace["metadata"]["name"])
    found = mode_of(labels)
    means = _MEANS[found] if labels.get(MODE_LABEL) == found else _NO_LABEL
    if name in SYSTEM_NAMESPACES:
        means = _NEVER
    return name, found, labels.get(MODE_LABEL), means


async def _look_or_set(
    settings: Settings, namespace: str | None, new: Mode | None
) -> Sequence[Object] | None:
    async with ApiServer.connect(settings.cluster) as api:
        if namespace is None:
            return await api.list(Kind.NAMESPACE, None)
        try:
            found = await api.get(Kind.NAMESPACE, None, namespace)
            return [found if new is None else await _set(api, found, new)]
        except NotFound:
            return None


async def _set(writer: ClusterWriter, found: Object, new: Mode) -> Object:
    metadata = found["metadata"]
    # There are labels: the API server itself puts the namespace's name there.
    path = f"/metadata/labels/{MODE_LABEL.replace('/', '~1')}"
    operations = [
        # Another namespace of that name is another decision.
        {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]},
        {"op": "add", "path": path, "value": str(new)},
    ]
    return await writer.patch(Kind.NAMESPACE, None, metadata["name"], operations)
