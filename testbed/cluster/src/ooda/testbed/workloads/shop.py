"""The shop: its image, its credentials, its pods, its customers."""

import secrets
import shutil

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from ooda.testbed import docker, host
from ooda.testbed.cluster import nodes
from ooda.testbed.cluster.lifecycle import Cluster
from ooda.testbed.commands import run
from ooda.testbed.engine import install_packages
from ooda.testbed.errors import Refused
from ooda.testbed.images.keys import digest_of, key_of, key_of_folder
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import Layout
from ooda.testbed.pins import Pins
from ooda.testbed.workloads.deploy import (
    Credential,
    apply_folder,
    await_rollouts,
    create_credentials,
    ensure_namespaces,
    exists,
    read_secret,
)
from ooda.testbed.workloads.python_image import OLDEST_PYTHON, install_dependencies

_WRITTEN = "ooda-shop:dev"  # in the manifests
SHOP, LOAD = "fault-injection-shop", "shop-load"
_DEADLINE = 180.0  # seconds


def ensure_shop(cluster: Cluster) -> None:
    """Have the shop running with its customers. Raises TestbedError."""
    image = shop_image(cluster.layout, cluster.pins)
    _ensure_image(cluster, image)
    kubectl = cluster.kubectl
    with cluster.steps.step("loading the shop's image into the nodes", "shop-load"):
        nodes.load_images(cluster.kind, [image])
    with cluster.steps.step("starting the shop and its customers", "shop"):
        ensure_namespaces(kubectl, SHOP, LOAD)
        _ensure_credentials(kubectl)
        folder = cluster.layout.repository / "testbed/shop"
        apply_folder(kubectl, folder / "k8s", {_WRITTEN: image})
        await_rollouts(kubectl, SHOP, _DEADLINE, "deployment/auth")
        if not read_secret(kubectl, SHOP, "service-token"):
            refresh_token(kubectl)
        await_rollouts(kubectl, SHOP, _DEADLINE)
        apply_folder(kubectl, folder / "load", {_WRITTEN: image})
        await_rollouts(kubectl, LOAD, _DEADLINE)


def shop_image(layout: Layout, pins: Pins) -> str:
    """Name the shop's image by its content: pods of other content are replaced by an apply."""
    source = layout.repository / "testbed/shop"
    key = key_of(
        *(key_of_folder(source / name) for name in ("src", "clockskew")),
        *(digest_of(source / name) for name in ("Dockerfile", "requirements.lock")),
        docker.image_id(pins.bases["python"]),
        OLDEST_PYTHON,
    )
    return f"ooda-shop:{key}"


def refresh_token(kubectl: Kubectl) -> None:
    """Run the token refresh once, now, as its CronJob would."""
    job = f"token-refresh-{secrets.token_hex(3)}"
    kubectl("-n", SHOP, "create", "job", job, "--from=cronjob/token-refresh")
    kubectl(
        "-n", SHOP, "wait", f"job/{job}", "--for=condition=Complete", "--timeout=60s", deadline=65
    )


def _ensure_credentials(kubectl: Kubectl) -> None:
    absent = [
        (namespaces, name, key)
        for namespaces, name, key in (
            ((SHOP,), "orders-db-admin", "password"),
            ((SHOP,), "token-refresh-credential", "secret"),
            ((SHOP, LOAD), "shop-users", "password"),
        )
        if not all(exists(kubectl, "secret", namespace, name) for namespace in namespaces)
    ]
    for namespaces, name, key in absent:
        values = {key: secrets.token_urlsafe(24)}
        create_credentials(kubectl, *(Credential(ns, name, values) for ns in namespaces))
    if not exists(kubectl, "secret", SHOP, "orders-db-credentials"):
        values = {"username": "orders", "password": secrets.token_urlsafe(24)}
        create_credentials(kubectl, Credential(SHOP, "orders-db-credentials", values))
    if not exists(kubectl, "secret", SHOP, "token-signing-key"):
        private, public = key_pair()
        create_credentials(
            kubectl,
            Credential(SHOP, "token-verification-key", {"public.pem": public}, kind="ConfigMap"),
            Credential(SHOP, "token-signing-key", {"private.pem": private}),
        )


def key_pair() -> tuple[str, str]:
    """Make a fresh Ed25519 key pair as PEM: private (PKCS 8), public."""
    private = Ed25519PrivateKey.generate()
    return (
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


def _ensure_image(cluster: Cluster, image: str) -> None:
    if docker.image_id(image):
        return
    source = cluster.layout.repository / "testbed/shop"
    _require_compiler(cluster)
    context = cluster.layout.cache / "shop"
    with cluster.steps.step("building the shop's image", "shop-image") as log:
        shutil.rmtree(context, ignore_errors=True)
        shutil.copytree(
            source / "src", context / "src", ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copy2(source / "Dockerfile", context)
        install_dependencies(source / "requirements.lock", context / "site", log)
        run(
            "cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o",
            str(context / "libclockskew.so"), str(source / "clockskew/clockskew.c"), log=log,
        )  # fmt: skip
        docker.build_image(image, context, image.partition(":")[2], {}, log)
        shutil.rmtree(context)


def _require_compiler(cluster: Cluster) -> None:
    if shutil.which("cc"):
        return
    if not (host.is_root() and host.is_debian()):
        raise Refused("The shop's clock library needs a C compiler: install gcc (it gives `cc`).")
    install_packages(("gcc", "libc6-dev"), cluster.steps)
