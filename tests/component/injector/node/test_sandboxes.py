"""The sandbox of a pod among the processes of a node, as the kernel shows them."""

from pathlib import Path

import pytest

from ooda.injector.node.orders import Refusal, SandboxProcess
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.sandboxes import FencedSandboxes, SandboxProcesses
from servers.paused import paused, unable
from servers.sandboxes import Yard

UID = "0a1b2c3d-1111-2222-3333-444455556666"
OTHER = "9a1b2c3d-1111-2222-3333-444455556666"


def process(node: Path, pid: int, name: str, pod: str, *, started: int = 100) -> None:
    folder = node / str(pid)
    folder.mkdir()
    (folder / "comm").write_text(f"{name}\n")
    (folder / "cgroup").write_text(f"0::/kubepods/burstable/pod{pod}/c{pid}\n")
    behind = " ".join(["0"] * 18)
    (folder / "stat").write_text(f"{pid} ({name}) S {behind} {started} 0\n")


@pytest.fixture
def node(tmp_path: Path) -> Path:
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text("")
    process(tmp_path, 1, "systemd", "none")
    process(tmp_path, 40, "pause", OTHER)
    process(tmp_path, 41, "python", UID)
    (tmp_path / "50").mkdir()  # it has just ended
    return tmp_path


def test_it_is_the_process_that_holds_the_sandbox(node: Path) -> None:
    process(node, 60, "pause", UID)
    assert SandboxProcesses(node).find(UID) == SandboxProcess(pid=60)


def test_of_several_of_that_name_it_is_the_oldest(node: Path) -> None:
    process(node, 60, "pause", UID, started=300)
    process(node, 4000, "pause", UID, started=200)
    assert SandboxProcesses(node).find(UID) == SandboxProcess(pid=4000)


def test_no_container_is_taken_for_it(node: Path) -> None:
    assert SandboxProcesses(node).find(UID) is None


POD = SandboxProcess(pid=60)


class OneSandbox:
    """One that is found whatever is asked for."""

    def find(self, pod_uid: str) -> SandboxProcess:  # noqa: ARG002 - of the protocol
        return POD


@pytest.mark.parametrize(
    ("folders", "found"),
    [
        ([f"fault-injection-shop_cart-1_{UID}"], POD),
        ([f"fault-injection-shop_cart-1_{UID}", f"kube-system_dns_{OTHER}"], POD),
        ([f"fault-injection-shop_cart-1_{OTHER}"], None),
        ([], None),
    ],
)
def test_of_a_pod_that_may_be_broken(
    tmp_path: Path, folders: list[str], found: SandboxProcess | None
) -> None:
    for each in folders:
        (tmp_path / each).mkdir()
    assert FencedSandboxes(OneSandbox(), tmp_path).find(UID) == found


@pytest.mark.parametrize(
    "namespace",
    ["kube-system", "ooda-system", "fault-injection", "fault-injection-", "prod-fault-injection-x"],
)
def test_of_any_other_pod_none_is_given(tmp_path: Path, namespace: str) -> None:
    (tmp_path / f"{namespace}_fault-injection-shop_{UID}").mkdir()
    with pytest.raises(RefusedError) as refused:
        FencedSandboxes(OneSandbox(), tmp_path).find(UID)
    assert refused.value.code is Refusal.FORBIDDEN


def test_where_it_cannot_be_told_which_pods_there_are_none_is_given(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be told"):
        FencedSandboxes(OneSandbox(), tmp_path / "nothing").find(UID)


def test_a_real_one_is_found_while_it_is_there(yard: Yard, tmp_path: Path) -> None:
    if reason := unable():
        pytest.skip(reason)
    with paused(yard.target, UID, tmp_path) as pid:
        assert SandboxProcesses().find(UID) == SandboxProcess(pid=pid)
        assert SandboxProcesses().find(OTHER) is None
    assert SandboxProcesses().find(UID) is None
