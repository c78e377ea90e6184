"""The machine we are on: what it is, and orders that need its root.

As root such an order is run directly. A user who may use Docker can give it too: through a
privileged container that enters the host's own namespaces.
"""

import os
import platform
from pathlib import Path

from ooda.testbed.commands import run

_CAP_SYS_RESOURCE = 24
# The engine's own mount namespace: the one that bind mounts of containers are taken from.
_ENTER_HOST = 'exec nsenter --target "$(pgrep -xo dockerd || echo 1)" --mount "$@"'
_ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def is_root() -> bool:
    """Whether we run as root."""
    return os.geteuid() == 0


def is_debian() -> bool:
    """Whether Debian's packages can be installed here."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    return "debian" in f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".split()


def has_systemd() -> bool:
    """Whether systemd keeps this machine's services."""
    return Path("/run/systemd/system").is_dir()


def is_bounded() -> bool:
    """Whether even root lacks CAP_SYS_RESOURCE: plain runc then refuses privileged containers."""
    status = Path("/proc/self/status").read_text()
    bounding = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
    return not int(bounding.split()[1], 16) & (1 << _CAP_SYS_RESOURCE)


def as_root(*argv: str, helper_image: str, deadline: float = 30.0) -> str:
    """Run a program as the host's root; `helper_image` is any image with nsenter.

    Raises CommandFailed.
    """
    if is_root():
        return run(*argv, deadline=deadline, env={"PATH": f"{os.environ['PATH']}:{_ROOT_PATH}"})
    return run(
        "docker", "run", "--rm", "--privileged", "--pid=host", "--network=host",
        "--entrypoint", "sh", helper_image, "-c", _ENTER_HOST, "sh",
        "env", f"PATH={_ROOT_PATH}", *argv, deadline=deadline + 10,
    )  # fmt: skip
