"""The cluster's network goes, whoever is still in it."""

from pathlib import Path

from fakes.programs import Programs
from ooda.testbed.cluster.network import remove_network
from ooda.testbed.layout import NETWORK, OWNER_LABEL


def docker(programs: Programs, calls: Path, labels: str) -> None:
    network = f'[{{"Labels": {{{labels}}}, "Containers": {{"guest-1": {{}}, "guest-2": {{}}}}}}]'
    programs.put(
        "docker",
        f'echo "$*" >> {calls}\n'
        f'case "$*" in "network inspect "*) echo \'{network}\';; "run "*) exit 1;; esac',
    )
    programs.put("iptables", "exit 1")


def changes(calls: Path) -> list[str]:
    lines = calls.read_text().splitlines()
    return [line for line in lines if not line.startswith(("network inspect ", "run "))]


def test_containers_of_others_are_put_out_first(programs: Programs, tmp_path: Path) -> None:
    docker(programs, tmp_path / "calls", f'"{OWNER_LABEL}": "closed"')
    remove_network("helper")
    assert changes(tmp_path / "calls") == [
        f"network disconnect --force {NETWORK} guest-1",
        f"network disconnect --force {NETWORK} guest-2",
        f"network rm {NETWORK}",
    ]


def test_a_network_of_somebody_else_is_left_alone(programs: Programs, tmp_path: Path) -> None:
    docker(programs, tmp_path / "calls", "")
    remove_network("helper")
    assert changes(tmp_path / "calls") == []
