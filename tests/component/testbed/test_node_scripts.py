"""The stand-ins for systemd on a node, run for real with folders of the test's own."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers.processes import wait_until

SCRIPTS = Path(__file__).parents[3] / "testbed/images/node-base/files/usr/local/bin"
SERVICES, LOGS = "/run/services", "/var/log/services"


@dataclass(frozen=True)
class Node:
    """A node's folders, and its programs that use them."""

    folder: Path

    def __call__(self, program: str, *arguments: str) -> tuple[int, str]:
        """Run a program; returns its exit code and what it said."""
        text = (SCRIPTS / program).read_text()
        assert SERVICES in text or LOGS in text
        script = self.folder / program
        script.write_text(text.replace(SERVICES, str(self.folder)).replace(LOGS, str(self.folder)))
        done = subprocess.run(
            ["bash", script, *arguments], capture_output=True, text=True, check=False, timeout=20
        )
        return done.returncode, done.stdout + done.stderr

    def is_wanted(self, service: str) -> bool:
        return (self.folder / f"{service}.wanted").exists()

    @contextmanager
    def running(self, service: str, program: str = "exec sleep 60") -> Iterator[threading.Thread]:
        """Run a service and, as node-init does, drop its number when it has ended."""
        process = subprocess.Popen(["bash", "-c", program])
        pid_file = self.folder / f"{service}.pid"
        pid_file.write_text(f"{process.pid}\n")

        def keep() -> None:
            process.wait()
            pid_file.unlink()

        keeper = threading.Thread(target=keep)
        keeper.start()
        try:
            yield keeper
        finally:
            process.kill()
            keeper.join()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.parametrize("name", ["kubelet", "kubelet.service"])
def test_start_wants_the_service(node: Node, name: str) -> None:
    assert node("systemctl", "start", name) == (0, "")
    assert node.is_wanted("kubelet")


def test_stop_ends_the_service_and_wants_it_no_more(node: Node) -> None:
    node("systemctl", "start", "kubelet")
    with node.running("kubelet") as keeper:
        assert node("systemctl", "stop", "kubelet") == (0, "")
        keeper.join(5)
        assert not keeper.is_alive()
    assert not node.is_wanted("kubelet")


def test_stop_of_a_stopped_service_is_no_error(node: Node) -> None:
    assert node("systemctl", "stop", "kubelet", "containerd") == (0, "")


@pytest.mark.parametrize("options", [[], ["--no-block"]])
def test_restart_ends_the_service_and_wants_it(node: Node, options: list[str]) -> None:
    with node.running("kubelet") as keeper:
        assert node("systemctl", "restart", *options, "kubelet") == (0, "")
        keeper.join(5)
        assert not keeper.is_alive()
    assert node.is_wanted("kubelet")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["is-active", "kubelet"], 0, "active\n", id="runs"),
        pytest.param(["is-active", "containerd"], 3, "inactive\n", id="does not run"),
        pytest.param(
            ["is-active", "kubelet", "containerd"], 3, "active\ninactive\n", id="one of two runs"
        ),
        pytest.param(
            ["status", "kubelet"], 0, "Loaded: loaded\nActive: active (running)\n", id="status"
        ),
        pytest.param(
            ["status", "containerd"], 3, "Loaded: loaded\nActive: inactive\n", id="status, stopped"
        ),
        pytest.param(["is-enabled", "kubelet"], 0, "enabled\n", id="is-enabled"),
        pytest.param(["enable", "--now", "kubelet"], 0, "", id="enable"),
        pytest.param(["daemon-reload"], 0, "", id="daemon-reload"),
        pytest.param(
            ["start", "docker"], 4, "Unit docker.service could not be found.\n", id="unknown unit"
        ),
        pytest.param(
            ["explode", "kubelet"], 1, "systemctl: unknown verb: explode\n", id="unknown verb"
        ),
    ],
)
def test_systemctl_answers_as_systemd_does(
    node: Node, arguments: list[str], code: int, said: str
) -> None:
    with node.running("kubelet"):
        assert node("systemctl", *arguments) == (code, said)


def test_one_unknown_unit_does_not_keep_the_others_from_starting(node: Node) -> None:
    code, _ = node("systemctl", "start", "docker", "kubelet")
    assert code == 4
    assert node.is_wanted("kubelet")


def test_a_service_that_ends_slowly_is_waited_for(node: Node, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    slow = f"trap 'sleep 0.5; exit' TERM; touch {ready}; while :; do sleep 0.05; done"
    with node.running("kubelet", slow) as keeper:
        wait_until(ready.exists, "the service")
        assert node("systemctl", "stop", "kubelet")[0] == 0
        keeper.join(2)
        assert not keeper.is_alive()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--no-pager"], "from containerd\nfrom kubelet\n", id="everything"),
        pytest.param(["--no-pager", "-u", "kubelet.service"], "from kubelet\n", id="one unit"),
        pytest.param(["-u", "kubelet", "--no-pager"], "from kubelet\n", id="without its ending"),
    ],
)
def test_journalctl(node: Node, arguments: list[str], said: str) -> None:
    for service in ("containerd", "kubelet"):
        (node.folder / f"{service}.log").write_text(f"from {service}\n")
    assert node("journalctl", *arguments) == (0, said)


def test_journalctl_of_a_unit_that_never_ran_is_an_error(node: Node) -> None:
    assert node("journalctl", "-u", "docker")[0] == 1
