"""The cluster's life: made, left alone when well, killed, interrupted, refused, removed.

Each test brings the cluster into the state that it needs, so each runs alone; in this order
the whole file creates it no more often than it has to.
"""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.lifecycle.machine import (
    TESTBED,
    Run,
    docker,
    forget_kernel_state,
    kill_all,
    node_containers,
    ready_nodes,
    residue,
    runs,
    until,
)
from ooda.testbed.layout import CLUSTER, CONTROL_PLANE, NODE_PORTS, NODES, layout
from ooda.testbed.pins import in_registry, read_pins
from servers.registry import registry_server

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def test_up_changes_nothing_when_all_is_well(testbed: Run) -> None:
    testbed("up")
    before = node_containers()
    assert len(before) == len(NODES)
    said = testbed("up").stdout
    assert node_containers() == before
    assert "Creating" not in said


@pytest.mark.parametrize("restarted", [False, True], ids=["killed", "machine restarted"])
def test_after_an_unclean_end_the_cluster_works_again(testbed: Run, *, restarted: bool) -> None:
    testbed("up")
    before = node_containers()
    kill_all()
    if restarted:
        forget_kernel_state()
    testbed("up")
    assert not set(before) & set(node_containers())
    assert ready_nodes() == set(NODES)


def test_down_leaves_nothing_behind(testbed: Run) -> None:
    testbed("down")
    testbed("images")  # brings the engine back where `down` has stopped it
    assert residue() == []
    if os.geteuid() == 0:
        rules = subprocess.run(["iptables", "-S"], capture_output=True, text=True, check=True)
        assert "br-ooda" not in rules.stdout


def test_a_taken_port_is_refused_with_its_number(testbed: Run) -> None:
    testbed("down")
    port = NODE_PORTS["NATS"][0]
    with socket.create_server(("127.0.0.1", port)):
        refused = testbed("up", code=2)
    assert f"Port {port} on 127.0.0.1 is taken" in refused.stderr
    assert residue() == []


@pytest.fixture
def foreign_container(testbed: Run) -> Iterator[str]:
    testbed("down")
    testbed("images")
    label = f"--label=io.x-k8s.kind.cluster={CLUSTER}"
    container = docker("create", label, "busybox:1.36", "true").strip()
    yield container
    docker("rm", container)


def test_a_cluster_of_somebody_else_is_left_alone(testbed: Run, foreign_container: str) -> None:
    for command in ("up", "down"):
        refused = testbed(command, code=2)
        assert "not made here" in refused.stderr
    assert node_containers() == [foreign_container]


def test_interrupted_nothing_is_left_half_made(testbed: Run) -> None:
    testbed("down")
    with subprocess.Popen(
        [TESTBED, "up"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        until(lambda: running.poll() is not None or runs(CONTROL_PLANE), 120)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=120)
    assert running.returncode == 130, errors
    assert "nothing is left half-made" in errors
    assert residue() == []


@pytest.fixture
def full_registry(testbed: Run, tmp_path: Path) -> Iterator[str]:
    """A registry that has every pinned image, while Docker has none of them any more."""
    testbed("down")
    testbed("images")
    needed = read_pins(layout().images).needed
    with ExitStack() as stack:
        address = stack.enter_context(registry_server(tmp_path))
        for reference in needed:
            docker("tag", reference, in_registry(reference, address))
            docker("push", "--quiet", in_registry(reference, address))
            docker("rmi", reference, in_registry(reference, address))
        yield address
        docker("rmi", *(in_registry(reference, address) for reference in needed))


def test_where_a_registry_can_be_reached_all_images_come_from_it(
    testbed: Run, full_registry: str
) -> None:
    said = testbed("up", OODA_REGISTRY=full_registry).stdout
    assert "Images: registry, because OODA_REGISTRY names" in said
    assert set(re.findall("✓ pulling (\\S+)", said)) == set(read_pins(layout().images).needed)
    assert ready_nodes() == set(NODES)
