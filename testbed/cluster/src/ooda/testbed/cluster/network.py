"""The cluster's own Docker network, with the way out of the machine closed.

Before kube-proxy has programmed the service addresses, traffic to them follows the default route
out of the machine; a pod could call anything at any time. So new connections that would leave
the bridge are rejected, and addresses are not masqueraded, which holds without any rule of ours
(after a restart of the machine, say).
"""

from ooda.testbed import docker
from ooda.testbed.commands import run
from ooda.testbed.errors import CommandFailed, Refused
from ooda.testbed.host import as_root
from ooda.testbed.layout import BRIDGE, NETWORK, OWNER_LABEL

_CLOSED, _OPEN = "closed", "open"
_RULE = ("DOCKER-USER", "--in-interface", BRIDGE, "!", "--out-interface", BRIDGE,
         "--match", "conntrack", "--ctstate", "NEW", "--jump", "REJECT")  # fmt: skip


def make_network(helper_image: str, *, egress: bool) -> None:
    """Make the network, open or closed; ours was removed before (`remove_network`).

    Raises Refused when the name is somebody else's.
    """
    if docker.network(NETWORK):
        raise Refused(
            f"A Docker network named {NETWORK} exists and is not ours; "
            f"remove it (docker network rm {NETWORK}) or rename it."
        )
    run(
        "docker", "network", "create", "--driver=bridge",
        f"--label={OWNER_LABEL}={_OPEN if egress else _CLOSED}",
        f"--opt=com.docker.network.bridge.name={BRIDGE}",
        f"--opt=com.docker.network.bridge.enable_ip_masquerade={str(egress).lower()}", NETWORK,
    )  # fmt: skip
    if not egress:
        close(helper_image)


def is_ours() -> bool:
    """Whether the network exists and was made by this testbed."""
    found = docker.network(NETWORK)
    return bool(found and OWNER_LABEL in found["Labels"])


def is_open() -> bool:
    """Whether the network lets the cluster out of the machine."""
    found = docker.network(NETWORK)
    return bool(found and found["Labels"].get(OWNER_LABEL) == _OPEN)


def close(helper_image: str) -> None:
    """Reject what would leave the bridge; does nothing where the rule stands."""
    if not _rule_stands(helper_image):
        as_root("iptables", "--wait", "--insert", *_RULE, helper_image=helper_image)


def remove_network(helper_image: str) -> None:
    """Remove the network and its rule, if they are there and ours.

    Containers that joined it, such as those of compose.yaml, are put out of it and run on.
    """
    found = docker.network(NETWORK)
    if not found or OWNER_LABEL not in found["Labels"]:
        return
    for container in found["Containers"]:
        run("docker", "network", "disconnect", "--force", NETWORK, container)
    while _rule_stands(helper_image):
        as_root("iptables", "--wait", "--delete", *_RULE, helper_image=helper_image)
    run("docker", "network", "rm", NETWORK)


def _rule_stands(helper_image: str) -> bool:
    try:
        as_root("iptables", "--wait", "--check", *_RULE, helper_image=helper_image)
    except CommandFailed:
        return False
    return True
