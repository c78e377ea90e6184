"""Debian root file systems, by mmdebstrap from the package sources that this host uses."""

import platform
import shutil
import tarfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from ooda.testbed.commands import run
from ooda.testbed.errors import CommandFailed, Refused
from ooda.testbed.images.cache import Cache
from ooda.testbed.images.keys import key_of
from ooda.testbed.images.recipes import Root
from ooda.testbed.progress import Steps

SUITE = "bookworm"
"""The Debian release that recipes are written for (paths in them name its versions)."""

_UNREAD = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/i18n", "var/cache/apt",
           "var/lib/apt/lists", "usr/share/info", "usr/share/lintian")  # fmt: skip


def require_debian_tools() -> None:
    """Raise Refused, saying what to install, unless root file systems can be made here."""
    if platform.freedesktop_os_release().get("ID") != "debian":
        raise Refused(
            "The images are built from Debian's packages, which needs a Debian host; "
            "name a registry that can be reached instead: OODA_REGISTRY=host:port."
        )
    if shutil.which("mmdebstrap") is None:
        raise Refused(
            "Building the images needs mmdebstrap (apt-get install mmdebstrap); "
            "or name a registry that can be reached: OODA_REGISTRY=host:port."
        )


def package_sources(etc_apt: Path, codename: str) -> str:
    """Return this host's own package sources, turned to the suite that recipes are written for."""
    files = [etc_apt / "sources.list.d/debian.sources", etc_apt / "sources.list"]
    found = next((file.read_text() for file in files if file.is_file()), None)
    if found is None:
        raise Refused(f"No Debian package sources under {etc_apt}: needed to build the images.")
    return found.replace(codename, SUITE)


def copy_without(source: Path, target: Path, unwanted: tuple[str, ...]) -> None:
    """Copy a tar file without the unwanted paths (shell patterns) and what is under them.

    A hard link to a file that goes becomes that file.
    """

    def goes(name: str) -> bool:
        path = name.removeprefix("./")
        return any(fnmatch(path, p) or fnmatch(path, f"{p}/*") for p in unwanted)

    with tarfile.open(source) as whole, tarfile.open(target, "w") as kept:
        for member in whole:
            if goes(member.name):
                continue
            content = whole.extractfile(member) if member.isreg() else None
            if member.islnk() and goes(member.linkname):
                content = whole.extractfile(member)
                member.size = whole.getmember(member.linkname).size
                member.type = tarfile.REGTYPE
            kept.addfile(member, content)


@dataclass(frozen=True)
class DebianRoots:
    """Makes root file systems (tar files), each once per content."""

    cache: Cache
    steps: Steps
    etc_apt: Path = Path("/etc/apt")

    def key(self, name: str, recipe: Root) -> str:
        """Content key; a newer Debian package alone does not change it."""
        return key_of(name, recipe, SUITE, _UNREAD)

    def build(self, name: str, recipe: Root) -> Path:
        """Return the root, from the cache or made now. Raises CommandFailed, Refused."""
        key = self.key(name, recipe)
        if found := self.cache.find(f"{name}.tar", key):
            return found
        codename = platform.freedesktop_os_release().get("VERSION_CODENAME", SUITE)
        with (
            self.steps.step(f"making the Debian root of {name}", f"root-{name}") as log,
            self.cache.store(f"{name}.tar", key) as made,
            self.cache.workplace(f"root-{name}") as work,
        ):
            whole = work / "whole.tar"
            run(
                "mmdebstrap", f"--variant={recipe.variant}", "--format=tar",
                f"--include={','.join(recipe.packages)}", SUITE, str(whole), "-",
                stdin=package_sources(self.etc_apt, codename), deadline=1200, log=log,
            )  # fmt: skip
            copy_without(whole, made, (*_UNREAD, *recipe.remove))
        entry = self.cache.find(f"{name}.tar", key)
        if entry is None:
            raise CommandFailed(("mmdebstrap", name), "left no file", "")
        return entry
