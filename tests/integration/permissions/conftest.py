"""Namespaces of every mode, once for the whole folder."""

import json
import uuid
from collections.abc import Iterator

import pytest

from servers.agent_rights import NAMESPACE, token_of
from servers.control_plane import ADMIN, ALICE, NAMESAKE, ControlPlane
from servers.permissions_yard import NODE, OTHER_NODE, Yard, empty, fill, in_force
from servers.processes import wait_until

PROTECTED = (NAMESPACE, "kube-public")


@pytest.fixture(scope="session")
def yard(home: ControlPlane) -> Iterator[Yard]:
    """Everything is there, and the policies have taken effect."""
    suffix = uuid.uuid4().hex[:6]
    names = {mode: f"{mode}-{suffix}" for mode in ("auto", "propose", "observe", "unlabelled")}
    people = ["create", "clusterrolebinding", "people", "--clusterrole=cluster-admin"]
    home.kubectl(*people, "--group=people")
    for mode, name in names.items():
        home.kubectl("create", "namespace", name)
        if mode != "unlabelled":
            home.kubectl("label", "namespace", name, f"ooda.dev/mode={mode}")
    for name in PROTECTED:
        home.kubectl("label", "namespace", name, "ooda.dev/mode=auto")
    for name in (*names.values(), *PROTECTED):
        fill(home, name)
    for name, labels in ((NODE, {"ooda.dev/mode": "auto"}), (OTHER_NODE, {})):
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        home.kubectl("apply", "-f", "-", stdin=json.dumps(node))
    made = Yard(home, names, token_of(home, "actor"))
    wait_until(lambda: in_force(made), "the policies", 20)
    yield made
    for name in names.values():
        home.kubectl("delete", "namespace", name, "--wait=false")
    for name in PROTECTED:
        home.kubectl("label", "namespace", name, "ooda.dev/mode-")
        empty(home, name)
    home.kubectl("delete", "clusterrolebinding", "people")
    home.kubectl("delete", "node", NODE, OTHER_NODE)


@pytest.fixture(params=[ADMIN, ALICE, NAMESAKE])
def somebody_else(request: pytest.FixtureRequest) -> str:
    return str(request.param)
