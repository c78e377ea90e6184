"""The agent: its image, its passwords, the Jobs that prepare its servers, its five services."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ooda.testbed import docker
from ooda.testbed.cluster import nodes
from ooda.testbed.cluster.lifecycle import Cluster
from ooda.testbed.images.keys import digest_of, key_of, key_of_folder
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import CONTROL_PLANE, Layout
from ooda.testbed.pins import Pins
from ooda.testbed.progress import Steps
from ooda.testbed.workloads.deploy import await_jobs, await_rollouts, read_secrets, rendered
from ooda.testbed.workloads.logins import DATABASE_LOGINS, SYSTEM, ensure_passwords
from ooda.testbed.workloads.manifests import (
    Object,
    jobs_by_content,
    names_of,
    with_images,
    with_secrets_digest,
)
from ooda.testbed.workloads.platform import write_local_config
from ooda.testbed.workloads.python_image import (
    OLDEST_PYTHON,
    install_dependencies,
    install_members,
)

_WRITTEN = "ooda:dev"  # in the manifests
_MEMBERS = (
    "libs/common",
    "cli",
    *(
        f"services/{name}"
        for name in ("observer", "orienter", "decider", "actor", "recorder", "injector")
    ),
)
_DEADLINE = 180.0  # seconds
PART_OF = "app.kubernetes.io/part-of=ooda"


def ensure_agent(cluster: Cluster) -> None:
    """Have the agent running on a platform that is there. Raises TestbedError."""
    image = load_image(cluster)
    with cluster.steps.step("starting the agent", "agent"):
        start(cluster, image, "agent")
    write_local_config(cluster)


def load_image(cluster: Cluster, into: Sequence[str] = (CONTROL_PLANE,)) -> str:
    """Have the image that holds every program in nodes, and return it. Raises TestbedError."""
    image = agent_image(cluster.layout, cluster.pins)
    ensure_image(cluster.layout, cluster.steps, image)
    with cluster.steps.step("loading the agent's image into its nodes", "agent-load"):
        nodes.load_images(cluster.kind, [image], into)
    return image


def start(cluster: Cluster, image: str, overlay: str) -> None:
    """Apply an overlay of kind: first what prepares the servers, then the services.

    Raises TestbedError.
    """
    kubectl = cluster.kubectl
    ensure_passwords(kubectl, DATABASE_LOGINS)
    written = rendered(kubectl, cluster.layout.repository / "k8s/overlays/kind" / overlay)
    objects = agent_objects(written, image, read_secrets(kubectl, SYSTEM))
    services = [each for each in objects if each["kind"] == "Deployment"]
    jobs = names_of("Job", objects)
    if jobs:
        _forget_unfinished_jobs(kubectl)
    kubectl.apply(*(each for each in objects if each not in services), deadline=60)
    if jobs:
        await_jobs(kubectl, SYSTEM, jobs, _DEADLINE)
        _forget_other_jobs(kubectl, jobs)
    # Services wait for streams and tables by ending and starting again: later is sooner.
    kubectl.apply(*services, deadline=60)
    await_rollouts(kubectl, SYSTEM, _DEADLINE, "deployments")


def agent_objects(
    written: list[Object], image: str, secrets: Mapping[str, Mapping[str, str]]
) -> list[Object]:
    """Return the manifests as they are applied: real image, and pods new with new passwords."""
    pods = with_secrets_digest(with_images(written, {_WRITTEN: image}), secrets)
    return jobs_by_content(pods)


def agent_image(layout: Layout, pins: Pins) -> str:
    """Name the image by its content: pods of other content are replaced by an apply."""
    root = layout.repository
    key = key_of(
        *(key_of_folder(root / member / "src") for member in _MEMBERS),
        *(digest_of(root / member / "pyproject.toml") for member in _MEMBERS),
        *(digest_of(root / "services" / name) for name in ("Dockerfile", "requirements.lock")),
        docker.image_id(pins.bases["python"]),
        OLDEST_PYTHON,
    )
    return f"ooda:{key}"


def ensure_image(layout: Layout, steps: Steps, image: str) -> None:
    """Have the image that `agent_image` named in Docker. Raises CommandFailed."""
    if docker.image_id(image):
        return
    root = layout.repository
    context = layout.cache / "agent"
    with steps.step("building the agent's image", "agent-image") as log:
        shutil.rmtree(context, ignore_errors=True)
        context.mkdir()
        _fill(context, root, log)
        docker.build_image(image, context, image.partition(":")[2], {}, log)
        shutil.rmtree(context)


def _fill(context: Path, root: Path, log: Path) -> None:
    shutil.copy2(root / "services/Dockerfile", context)
    install_dependencies(root / "services/requirements.lock", context / "site", log)
    install_members([root / member for member in _MEMBERS], context / "app", log)


def _forget_unfinished_jobs(kubectl: Kubectl) -> None:
    """Remove Jobs that failed or still try: they are made anew, and begin at once."""
    kubectl(
        "-n", SYSTEM, "delete", "jobs", f"--selector={PART_OF}",
        "--field-selector=status.successful!=1", "--ignore-not-found",
    )  # fmt: skip


def _forget_other_jobs(kubectl: Kubectl, current: list[str]) -> None:
    found = kubectl("-n", SYSTEM, "get", "jobs", f"--selector={PART_OF}", "-o", "name").split()
    old = [name for name in found if name.rpartition("/")[2] not in current]
    if old:
        kubectl("-n", SYSTEM, "delete", *old)
