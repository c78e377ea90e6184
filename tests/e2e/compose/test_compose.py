"""The agent in containers beside the cluster, as `make compose` brings it up."""

import json
import subprocess
from collections.abc import Callable

import pytest

from e2e.live.bus import ear
from e2e.live.incidents import Scene
from e2e.live.kube import Kube
from e2e.live.ooda import Ooda
from e2e.live.shop import SHOP
from e2e.live.testbed import run_testbed
from e2e.live.waiting import wait_until
from e2e.live.workloads import NO_SUCH_IMAGE, Workload
from ooda.common.settings import Settings
from ooda.common.taxonomy import Closure, FailureClass, Signal
from ooda.testbed.commands import run
from ooda.testbed.compose.files import SERVICES
from ooda.testbed.compose.program import ensure_compose
from ooda.testbed.compose.running import Compose
from ooda.testbed.images.laboratory import laboratory
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import COMPOSE_PROJECT
from ooda.testbed.pins import read_pins
from ooda.testbed.workloads.logins import SYSTEM

# The first time Docker Compose itself is built.
pytestmark = pytest.mark.timeout(1200)

LABEL = f"label=com.docker.compose.project={COMPOSE_PROJECT}"
REVOKED_SECONDS = 60.0
SQL = """
SELECT i.closure, i.failure_class, a.outcome, a.wrote
FROM incidents AS i JOIN actions AS a USING (incident_id) WHERE incident_id = '{}'
"""


def docker(*argv: str) -> str:
    return subprocess.run(
        ["docker", *argv], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.usefixtures("nothing_left")
def test_beside_an_agent_that_runs_in_the_cluster_it_is_refused() -> None:
    assert "The agent runs in the cluster too" in run_testbed("compose", code=2)
    assert docker("ps", "--all", "--quiet", "--filter", LABEL) == ""


def test_each_service_runs_with_its_own_account_and_no_privilege(
    compose: Compose, kubectl: Kubectl
) -> None:
    for service in SERVICES:
        (container,) = json.loads(docker("inspect", f"{COMPOSE_PROJECT}-{service}-1"))
        host = container["HostConfig"]
        assert container["State"]["Health"]["Status"] == "healthy"
        assert container["Config"]["User"] == "10001:10001"
        assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])
        assert not [each for each in container["Config"]["Env"] if "PASSWORD" in each]
        who = as_service(kubectl, compose, service, "auth", "whoami", "-o", "json")
        assert json.loads(who)["status"]["userInfo"]["username"] == (
            f"system:serviceaccount:{SYSTEM}:{service}"
        )


def test_what_docker_compose_shows_has_no_password_and_no_token(compose: Compose) -> None:
    places, folder = compose.layout, compose.folder
    lab = laboratory(places, read_pins(places.images), compose.steps)
    shown = run(
        *ensure_compose(lab, places), f"--project-name={COMPOSE_PROJECT}",
        f"--file={places.repository / 'compose.yaml'}", f"--env-file={folder.variables}", "config",
    )  # fmt: skip
    passwords = folder.ensure_passwords()
    tokens = [
        json.loads((folder.files / f"{service}.kubeconfig").read_text())["users"][0]["user"][
            "token"
        ]
        for service in SERVICES
    ]
    secret = [*passwords.nats.values(), *passwords.postgres.values(), *tokens]
    assert "ooda-recorder" in shown
    assert [each for each in secret if each in shown] == []


@pytest.mark.usefixtures("compose", "automatic")
def test_an_image_that_does_not_exist_is_healed(
    kube: Kube, kubectl: Kubectl, record_property: Callable[[str, object], None]
) -> None:
    nats = Settings.load().nats
    assert nats is not None
    ooda = Ooda(kubectl.kubeconfig)
    workload = Workload(kube, "Deployment", "catalog")
    workload.wait_until_known()
    before = workload.read()
    with ear(nats) as heard:
        scene = Scene(heard, SHOP, heard.now())
        scene.quiet()
        try:
            workload.set_container(image=NO_SUCH_IMAGE)
            incident = scene.incident(workload.kind, workload.name, Signal.IMAGE_PULL)
            closed = incident.closed()
        finally:
            after = workload.read()["spec"]["template"]
            workload.put_back(before)
    assert (closed.closure, closed.failure_class) == (
        Closure.RESOLVED,
        FailureClass.IMAGE_PULL_FAILURE,
    )
    assert after == before["spec"]["template"]
    workload.wait_until_complete()
    row = {"closure": "resolved", "failure_class": "image_pull_failure",
           "outcome": "kept", "wrote": True}  # fmt: skip
    query = SQL.format(incident.incident_id)
    wait_until(lambda: ooda.json("audit", "query", query) == [row], "the views have it", 10)
    assert ooda.json("status")["ok"]
    record_property("image pull failure, by compose", incident.timings())


def test_what_was_made_for_it_goes_with_it(compose: Compose, kubectl: Kubectl) -> None:
    config = (compose.folder.files / "observer.kubeconfig").read_text()
    run_testbed("compose-down")
    for what in (("ps", "--all"), ("volume", "ls"), ("network", "ls")):
        assert docker(*what, "--quiet", "--filter", LABEL) == ""
    assert not compose.folder.path.exists()
    selector = f"--selector=app.kubernetes.io/managed-by={COMPOSE_PROJECT}"
    kinds = "secrets,serviceaccounts,roles,clusterroles,validatingadmissionpolicies"
    assert kubectl.items("-n", SYSTEM, kinds, selector) == []
    # The API server remembers for some seconds that a token was good.
    wait_until(lambda: refused(kubectl, config), "the token is refused", REVOKED_SECONDS)


def as_service(kubectl: Kubectl, compose: Compose, service: str, *argv: str) -> str:
    config = (compose.folder.files / f"{service}.kubeconfig").read_text()
    return from_here(kubectl, config, *argv).stdout


def refused(kubectl: Kubectl, config: str) -> bool:
    return "Unauthorized" in from_here(kubectl, config, "auth", "whoami").stderr


def from_here(kubectl: Kubectl, config: str, *argv: str) -> "subprocess.CompletedProcess[str]":
    """Ask the API server with a service's token, at the address that this machine has for it."""
    server = kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    return subprocess.run(
        [kubectl.program, "--kubeconfig=/dev/stdin", f"--server={server}", *argv],
        input=config, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
