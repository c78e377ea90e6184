"""What images of Python programs share: their packages are fetched on the host, before the build.

The build itself has no network. Packages are chosen for the image's Python and not for ours: by
uv, because pip judges environment markers by the Python it runs on.
"""

import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from ooda.testbed.commands import run

OLDEST_PYTHON = "3.11.2"
"""Debian's; what later ones do not need does no harm."""


def install_dependencies(lock: Path, target: Path, log: Path) -> None:
    """Install what a lock names, checked against its hashes. Raises CommandFailed."""
    _install(
        target, "--require-hashes", "--only-binary=:all:",
        f"--python-platform={platform.machine()}-manylinux_2_28",
        f"--python-version={OLDEST_PYTHON}", "--requirements", str(lock),
        log=log,
    )  # fmt: skip


def install_members(members: Sequence[Path], target: Path, log: Path) -> None:
    """Install packages of this repository, entry points included. Raises CommandFailed.

    Without uv's cache: it knows a folder by its pyproject.toml and would miss changed sources.
    """
    _install(
        target, "--no-deps", "--no-build-isolation", "--no-cache", *(str(m) for m in members),
        log=log,
    )  # fmt: skip


def _install(target: Path, *arguments: str, log: Path) -> None:
    run(
        sys.executable, "-m", "uv", "pip", "install", "--target", str(target), *arguments,
        deadline=600, log=log,
    )  # fmt: skip
