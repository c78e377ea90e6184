"""Names, policies and the closed way out of the machine."""

from collections.abc import Callable
from functools import partial

import pytest

from e2e.live.kube import Kube
from e2e.live.pods import PYTHON, on, pod, service
from e2e.live.waiting import seconds_until, wait_until
from ooda.testbed import docker
from ooda.testbed.host import as_root
from ooda.testbed.layout import BRIDGE, NETWORK, WORKERS, layout
from ooda.testbed.pins import read_pins

PORT = 8080
POLICY_SECONDS = 10
RESOLVER_SECONDS = 3  # less than after which a resolver gives up that nobody answered
SERVE = f"mkdir /tmp/www && hostname > /tmp/www/index.html && exec httpd -f -p {PORT} -h /tmp/www"
DENY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "deny"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
}


def fetch(name: str) -> tuple[str, ...]:
    ask = f"import httpx; print(httpx.get('http://{name}:{PORT}/', timeout=2).text, end='')"
    return ("python3", "-c", ask)


def connect(name: str) -> tuple[str, ...]:
    return ("nc", "-w", "1", name, str(PORT))


def test_pods_on_both_workers_reach_each_other_by_name(kube: Kube, namespace: str) -> None:
    names = {f"web-{number}": worker for number, worker in enumerate(WORKERS)}
    for name in names:
        kube.create(service(name, PORT), namespace)
    kube.start(
        namespace,
        *(pod(name, SERVE, **on(worker)) for name, worker in names.items()),
        *(pod(f"from-{name}", image=PYTHON, **on(worker)) for name, worker in names.items()),
    )
    for client, server in (("from-web-0", "web-1"), ("from-web-1", "web-0")):
        said = wait_until(
            partial(kube.output_of, namespace, client, *fetch(server)),
            f"{client} reaches {server} by name",
            seconds=20,
        )
        assert said == f"{server}\n"


def test_a_deny_policy_stops_traffic_and_lifting_it_restores_it(
    kube: Kube, namespace: str, record_property: Callable[[str, object], None]
) -> None:
    near, far = WORKERS
    kube.start(namespace, pod("server", SERVE, **on(far)), pod("client", **on(near)))
    address = kube.get("Pod", "server", namespace).status.podIP

    def reaches() -> bool:
        return kube.output_of(namespace, "client", *connect(address)) is not None

    wait_until(reaches, "the client reaches the server", seconds=15)
    kube.create(DENY, namespace)
    stopped = seconds_until(lambda: not reaches(), "traffic stops", POLICY_SECONDS)
    kube.delete("NetworkPolicy", "deny", namespace)
    restored = seconds_until(reaches, "traffic is restored", POLICY_SECONDS)
    record_property("deny policy", f"in force after {stopped:.1f} s, lifted after {restored:.1f} s")


def test_nothing_leaves_the_machine() -> None:
    # Looked at, not tried: a test must not send anything off the machine either.
    helper = read_pins(layout().images).node
    rules = as_root("iptables", "--wait", "-S", "DOCKER-USER", helper_image=helper)
    leaving = f"-A DOCKER-USER -i {BRIDGE} ! -o {BRIDGE} -m conntrack --ctstate NEW -j REJECT"
    assert any(rule.startswith(leaving) for rule in rules.splitlines()), rules
    network = docker.network(NETWORK)
    assert network is not None
    assert network["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"


LOOK_UP = """
import socket, sys, time
began = time.monotonic()
try:
    print(socket.gethostbyname(sys.argv[1]))
except socket.gaierror:
    print("refused")
print(time.monotonic() - began)
"""


@pytest.mark.parametrize(
    ("name", "is_known"), [("kubernetes.default", True), ("example.com", False)]
)
def test_only_names_of_the_cluster_are_known_and_others_refused_at_once(
    kube: Kube, namespace: str, name: str, *, is_known: bool
) -> None:
    kube.start(namespace, pod("client", image=PYTHON))
    answer, seconds = kube.run_in(namespace, "client", "python3", "-c", LOOK_UP, name).split()
    assert (answer != "refused") is is_known
    assert float(seconds) < RESOLVER_SECONDS
