import base64
import json
from pathlib import Path
from typing import Any

import pytest

from fakes.programs import Programs
from ooda.testbed.errors import CommandFailed, Unready
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.workloads.deploy import (
    Credential,
    await_rollouts,
    create_credentials,
    exists,
    read_secret,
)

POD = {
    "metadata": {"name": "orders-1"},
    "status": {
        "containerStatuses": [
            {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}},
            {"state": {"running": {}}},
        ]
    },
}


@pytest.fixture
def kubectl(programs: Programs, tmp_path: Path) -> Kubectl:
    """kubectl that keeps its arguments and its input, and answers what a test has put."""
    programs.put("kubectl", f'echo "$@" >> {tmp_path}/arguments; PATH=/bin; cat > {tmp_path}/input')
    return Kubectl(programs.folder / "kubectl", tmp_path / "kubeconfig")


def answer(programs: Programs, said: str) -> None:
    programs.put("kubectl", f"/bin/cat << 'END'\n{said}\nEND")


def applied(folder: Path) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads((folder / "input").read_text())["items"]
    return items


def test_a_secret_goes_through_standard_input_only(kubectl: Kubectl, tmp_path: Path) -> None:
    create_credentials(kubectl, Credential("shop", "db", {"password": "hidden"}))
    (secret,) = applied(tmp_path)
    assert (secret["kind"], secret["metadata"]) == ("Secret", {"name": "db", "namespace": "shop"})
    assert base64.b64decode(secret["data"]["password"]) == b"hidden"
    arguments = (tmp_path / "arguments").read_text()
    assert "hidden" not in arguments
    assert secret["data"]["password"] not in arguments


def test_what_is_public_is_written_as_it_is(kubectl: Kubectl, tmp_path: Path) -> None:
    create_credentials(kubectl, Credential("shop", "key", {"public.pem": "PEM"}, kind="ConfigMap"))
    (made,) = applied(tmp_path)
    assert (made["kind"], made["data"]) == ("ConfigMap", {"public.pem": "PEM"})


def test_every_call_names_the_cluster_of_the_testbed(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("get", "pods")
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[:2] == [f"--kubeconfig={tmp_path}/kubeconfig", "--context=kind-ooda"]


@pytest.mark.parametrize(
    ("secret", "values"),
    [
        pytest.param({"data": {"password": "aGlkZGVu"}}, {"password": "hidden"}, id="filled"),
        pytest.param({"data": {}}, {}, id="emptied"),
        pytest.param({}, {}, id="made without data"),
    ],
)
def test_a_secret_is_read(
    kubectl: Kubectl, programs: Programs, secret: dict[str, Any], values: dict[str, str]
) -> None:
    answer(programs, json.dumps(secret))
    assert read_secret(kubectl, "shop", "db") == values


def test_a_secret_that_is_not_there_is_a_failure(kubectl: Kubectl, programs: Programs) -> None:
    programs.put("kubectl", "echo 'secrets \"db\" not found' >&2; exit 1")
    with pytest.raises(CommandFailed, match='secrets "db" not found'):
        read_secret(kubectl, "shop", "db")


@pytest.mark.parametrize(("said", "there"), [("secret/db", True), ("", False)])
def test_exists(kubectl: Kubectl, programs: Programs, said: str, *, there: bool) -> None:
    answer(programs, said)
    assert exists(kubectl, "secret", "shop", "db") is there


def test_a_rollout_that_is_late_tells_what_its_pods_wait_for(
    kubectl: Kubectl, programs: Programs
) -> None:
    pods = json.dumps({"items": [POD]})
    programs.put(
        "kubectl",
        f"""case "$*" in
        *' rollout '*) echo timed out >&2; exit 1;;
        *' json '*) echo '{pods}';;
        *) echo deployment.apps/orders;;
        esac""",
    )
    with pytest.raises(Unready) as late:
        await_rollouts(kubectl, "shop", deadline=2)
    assert "shop: deployment.apps/orders is not ready after 2 s" in str(late.value)
    assert "  orders-1: ImagePullBackOff no such image\n" in str(late.value)
    assert "kubectl --context kind-ooda -n shop describe pods" in str(late.value)
