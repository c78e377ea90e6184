"""Go programs from their modules, with a toolchain that the user has."""

import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from ooda.testbed.commands import run
from ooda.testbed.errors import CommandFailed, Refused
from ooda.testbed.images.cache import Cache
from ooda.testbed.images.keys import key_of, key_of_folder
from ooda.testbed.images.recipes import Binary
from ooda.testbed.progress import Steps

_OLDEST = (1, 21)  # the first that can fetch the toolchain which a module asks for
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # the kernel's name → Go's
_BUILD_DATE = "2026-07-01T00:00:00Z"  # fixed, so that the same input gives the same bytes
_ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-mod=mod -buildvcs=false",
    "GOTOOLCHAIN": "auto",
    "GOOS": "linux",
}


def require_go() -> None:
    """Raise Refused, saying what to install, unless there is a Go toolchain that will do."""
    if shutil.which("go") is None:
        raise Refused(
            "Building the images needs a Go toolchain (1.21 or newer) on the PATH, and there is "
            "none; install Go, or name a registry that can be reached: OODA_REGISTRY=host:port."
        )
    version = run("go", "env", "GOVERSION", env={"GOTOOLCHAIN": "local"}).strip()
    found = re.search(r"go(\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < _OLDEST:
        raise Refused(f"Building the images needs Go 1.21 or newer; `go` on the PATH is {version}.")


@dataclass(frozen=True)
class GoPrograms:
    """Builds programs of one Kubernetes version, each once per content."""

    modules: Path
    kubernetes: str
    cache: Cache
    steps: Steps

    @property
    def _architecture(self) -> str:
        return _ARCHITECTURES.get(platform.machine(), platform.machine())

    def key(self, name: str, recipe: Binary) -> str:
        """Content key: sources, pinned dependencies, stamps and the target."""
        module = key_of_folder(self.modules / recipe.module)
        return key_of(name, recipe, module, self.kubernetes, self._architecture, _BUILD_DATE)

    def build(self, name: str, recipe: Binary) -> Path:
        """Return the program, from the cache or built now. Raises CommandFailed."""
        key = self.key(name, recipe)
        if found := self.cache.find(name, key):
            return found
        require_go()
        with (
            self.steps.step(f"building {name} with Go", f"build-{name}") as log,
            self.cache.store(name, key) as made,
            self.cache.workplace(f"module-{recipe.module}-{name}") as module,
        ):
            # A copy: Go may complete go.sum while it builds, and the sources are not ours to touch.
            shutil.copytree(self.modules / recipe.module, module, dirs_exist_ok=True)
            run(
                "go", "build", "-trimpath", f"-tags={','.join(recipe.tags)}",
                "-ldflags", self._linker_flags(recipe), "-o", str(made), recipe.package,
                cwd=module, env=_ENVIRONMENT, deadline=3600, log=log,
            )  # fmt: skip
        entry = self.cache.find(name, key)
        if entry is None:
            raise CommandFailed(("go", "build", name), "left no program", "")
        return entry

    def _linker_flags(self, recipe: Binary) -> str:
        flags = ["-s", "-w"]
        major, minor, _ = self.kubernetes.removeprefix("v").split(".")
        for package in recipe.stamp:
            stamps = {
                "gitVersion": self.kubernetes, "gitMajor": major, "gitMinor": minor,
                "gitTreeState": "clean", "gitCommit": "0" * 40, "buildDate": _BUILD_DATE,
            }  # fmt: skip
            flags += [f"-X {package}.{field}={value}" for field, value in stamps.items()]
        return " ".join(flags)
