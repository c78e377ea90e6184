"""Builds every image that a cluster needs, from recipes, without a registry.

Two lanes run at once: Go programs, which use the processors, and Debian roots, which wait for
the network. Images follow, each only if Docker does not have it with the same content key.
"""

import shutil
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from ooda.testbed import commands, docker
from ooda.testbed.images.cache import Cache, link
from ooda.testbed.images.debian import DebianRoots, require_debian_tools
from ooda.testbed.images.golang import GoPrograms, require_go
from ooda.testbed.images.keys import key_of, key_of_folder
from ooda.testbed.images.recipes import Recipes, read_recipes
from ooda.testbed.layout import Layout
from ooda.testbed.pins import Pins
from ooda.testbed.progress import Steps

_BAKE = Path(__file__).with_name("bake.sh")
_NODE = "node"

CONTROL_PLANE_PROGRAMS = ("etcd", "kube")
"""Go programs that a control plane without nodes is made of; tests run one as local processes."""


def _name(image: str) -> str:
    return f"ooda-lab/{image}"


@dataclass(frozen=True)
class Laboratory:
    """The images of one set of recipes."""

    images: Path
    pins: Pins
    recipes: Recipes
    cache: Cache
    programs: GoPrograms
    roots: DebianRoots
    steps: Steps

    def ensure(self) -> None:
        """Have every image in Docker, under the names of the pins. Raises TestbedError."""
        stale = [name for name in self.recipes.in_order() if not self._current(name)]
        if not stale and docker.image_key(self.pins.node) == self._node_key():
            self._tag_all()
            return
        require_go()
        require_debian_tools()
        self.cache.sweep()
        parts = self._build_parts(stale)
        for name in stale:
            self._build_image(name, parts)
        self._tag_all()
        self._build_node()

    def purge(self) -> None:
        """Remove the images that were built here, under all their names."""
        labelled = ("--filter", f"label={docker.KEY_LABEL}")
        named = commands.run(
            "docker", "images", *labelled, "--filter", "dangling=false",
            "--format", "{{.Repository}}:{{.Tag}}",
        ).split()  # fmt: skip
        if named:
            commands.run("docker", "rmi", "--force", *named, deadline=120)
        commands.run("docker", "image", "prune", "--force", *labelled, deadline=120)

    def built(self, name: str) -> Path | None:
        """One Go program of the recipes, if it was built before from what is there now."""
        return self.cache.find(name, self.programs.key(name, self.recipes.binaries[name]))

    def program(self, name: str) -> Path:
        """One Go program of the recipes (kind, the runtime wrapper), built if need be."""
        return self.programs.build(name, self.recipes.binaries[name])

    def _key(self, name: str) -> str:
        image = self.recipes.images[name]
        return key_of(
            key_of_folder(self.images / name),
            self.pins.kubernetes,
            [self.programs.key(b, self.recipes.binaries[b]) for b in image.binaries],
            [self.roots.key(r, self.recipes.roots[r]) for r in image.roots],
            self._key(image.base) if image.base else None,
        )

    def _current(self, name: str) -> bool:
        return docker.image_key(_name(name)) == self._key(name)

    def _build_parts(self, stale: list[str]) -> dict[str, Path]:
        binaries = [b for name in stale for b in self.recipes.images[name].binaries]
        roots = [r for name in stale for r in self.recipes.images[name].roots]

        stop = threading.Event()

        def go_lane() -> dict[str, Path]:
            wanted = takewhile(lambda _: not stop.is_set(), dict.fromkeys(binaries))
            return {name: self.program(name) for name in wanted}

        def debian_lane() -> dict[str, Path]:
            wanted = takewhile(lambda _: not stop.is_set(), dict.fromkeys(roots))
            return {
                f"{name}.tar": self.roots.build(name, self.recipes.roots[name]) for name in wanted
            }

        with ThreadPoolExecutor(max_workers=2) as lanes:
            try:
                running = [lanes.submit(go_lane), lanes.submit(debian_lane)]
                wait(running, return_when=FIRST_EXCEPTION)
                return {name: path for lane in running for name, path in lane.result().items()}
            except BaseException:
                stop.set()
                commands.end_all()
                raise

    def _build_image(self, name: str, parts: dict[str, Path]) -> None:
        image = self.recipes.images[name]
        with (
            self.steps.step(f"building image {name}", f"image-{name}") as log,
            self.cache.workplace(f"image-{name}") as context,
        ):
            shutil.copytree(self.images / name, context, dirs_exist_ok=True)
            for part in (*image.binaries, *(f"{root}.tar" for root in image.roots)):
                link(parts[part], context / part)
            arguments = {"KUBERNETES": self.pins.kubernetes} if name == "node-base" else {}
            docker.build_image(_name(name), context, self._key(name), arguments, log)

    def _names_of(self, image: str) -> tuple[str, ...]:
        pinned = (*self.pins.workloads.items(), *self.pins.bases.items())
        names = [reference for of, reference in pinned if of == image]
        return (*names, *self.pins.node_content.get(image, ()))

    def _tag_all(self) -> None:
        """Give the images their usual names, except where the user has the real ones."""
        for image in self.recipes.images:
            for reference in self._names_of(image):
                if docker.image_id(reference) is None or docker.image_key(reference):
                    docker.tag(_name(image), reference)

    def _baked(self) -> list[str]:
        return sorted(
            {
                *self.pins.workloads.values(),
                *(n for ns in self.pins.node_content.values() for n in ns),
            }
        )

    def _node_key(self) -> str:
        inside = {*self.pins.workloads, *self.pins.node_content, "node-base"}
        keys = [self._key(name) for name in self.recipes.in_order() if name in inside]
        return key_of(keys, self._baked(), key_of_folder(self.images / _NODE), _BAKE.read_text())

    def _build_node(self) -> None:
        with (
            self.steps.step("building the node image", "image-node") as log,
            self.cache.workplace("node") as work,
        ):
            commands.run(
                "docker", "save", "--output", str(work / "images.tar"), *self._baked(), deadline=300
            )
            shutil.copy2(_BAKE, work / "bake.sh")
            commands.run(
                "docker", "run", "--rm", "--privileged", "--network=none",
                "--volume", f"{work}:/bake", "--volume", f"{work}/unpacked:/var/lib/containerd",
                "--entrypoint", "/usr/bin/tini", _name("node-base"),
                "--", "/bin/bash", "/bake/bake.sh",
                deadline=300, log=log,
            )  # fmt: skip
            with self.cache.workplace("node-context") as context:
                shutil.copytree(self.images / _NODE, context, dirs_exist_ok=True)
                (work / "containerd.tar").replace(context / "containerd.tar")
                docker.build_image(self.pins.node, context, self._node_key(), {}, log)
            commands.run(
                "docker", "image", "prune", "--force", "--filter", f"label={docker.KEY_LABEL}"
            )


def laboratory(layout: Layout, pins: Pins, steps: Steps) -> Laboratory:
    """Return the laboratory of this checkout. Raises Refused when the recipes are invalid."""
    cache = Cache(layout.cache / "built")
    return Laboratory(
        images=layout.images,
        pins=pins,
        recipes=read_recipes(layout.images),
        cache=cache,
        programs=GoPrograms(layout.images / "go", pins.kubernetes, cache, steps),
        roots=DebianRoots(cache, steps),
        steps=steps,
    )
