"""The testbed's commands; `make` calls them."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from fcntl import LOCK_EX, LOCK_NB, flock
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ooda.common.config_file import ConfigError
from ooda.testbed import commands, docker, engine, preflight, source
from ooda.testbed.cluster import network
from ooda.testbed.cluster.lifecycle import Cluster
from ooda.testbed.compose import target
from ooda.testbed.compose.program import ensure_compose
from ooda.testbed.compose.running import Compose
from ooda.testbed.demo.running import run_demo
from ooda.testbed.doctor import examine
from ooda.testbed.errors import Refused, TestbedError
from ooda.testbed.images.laboratory import CONTROL_PLANE_PROGRAMS, Laboratory, laboratory
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import CLUSTER, NODE_PORTS, Layout, layout
from ooda.testbed.pins import Pins, read_pins
from ooda.testbed.progress import Steps
from ooda.testbed.workloads.agent import agent_image, ensure_agent, ensure_image
from ooda.testbed.workloads.injector import ensure_injector, ensure_injector_alone
from ooda.testbed.workloads.platform import ensure_platform, forget_platform
from ooda.testbed.workloads.shop import ensure_shop

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)


class Output(StrEnum):
    """How a command prints its result."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True)
class Testbed:
    """What every command needs."""

    __test__ = False

    layout: Layout
    pins: Pins
    steps: Steps
    lab: Laboratory

    def cluster(self) -> Cluster:
        """Return the cluster, with its images in Docker."""
        if not any(self.layout.disks.glob("*.img")):  # where a cluster is, there was room for it
            self._refuse(preflight.size_refusals(preflight.read_size(self.layout)))
        engine.ensure_engine(self.layout, self.lab, self.steps)
        self._refuse(preflight.name_refusals(preflight.read_names()))
        chosen = self._source()
        kind = source.ensure_kind(self.lab, chosen, self.layout.binaries)
        source.ensure_images(chosen, self.pins.needed, self.lab, self.steps)
        asked = os.environ.get("OODA_EGRESS")  # unset: whatever the cluster that runs has
        egress = asked == "1" if asked else network.is_open()
        return Cluster(self.layout, self.pins, kind, self.steps, egress=egress)

    def images_of_compose(self) -> None:
        """Have what compose.yaml runs in Docker, and what the agent's image is built from."""
        engine.ensure_engine(self.layout, self.lab, self.steps)
        servers = (self.pins.workloads[name] for name in ("nats", "postgres"))
        needed = (*servers, *self.pins.bases.values())
        source.ensure_images(self._source(), needed, self.lab, self.steps)

    def compose(self) -> Compose:
        """Return the containers beside the cluster."""
        return Compose(self.layout, self.steps)

    def _source(self) -> source.Source:
        chosen, reason = source.choose(self.pins)
        self.steps.say(
            f"Images: {chosen}, because {reason} (OODA_IMAGES=registry|build forces one)."
        )
        return chosen

    @staticmethod
    def _refuse(reasons: list[str]) -> None:
        if reasons:
            raise Refused("\n".join(reasons))


@app.command()
def images() -> None:
    """Have every image in Docker: pulled where a registry can be reached, else built."""
    with _testbed() as testbed:
        testbed.cluster()


@app.command()
def programs() -> None:
    """Have the programs of a control plane, built with Go if need be; needs no Docker."""
    with _testbed(alone=False) as testbed:  # tests may begin beside another command
        missing = [name for name in CONTROL_PLANE_PROGRAMS if not testbed.lab.built(name)]
    if missing:
        with _testbed() as testbed:
            for name in missing:
                testbed.lab.program(name)


@app.command()
def up() -> None:
    """Have a working cluster; does nothing where there is one."""
    with _testbed() as testbed:
        testbed.cluster().ensure()
        testbed.steps.say("The cluster is ready.")


@app.command()
def platform() -> None:
    """Have NATS, Postgres and Prometheus running on the cluster."""
    with _testbed() as testbed:
        cluster = testbed.cluster()
        cluster.ensure()
        ensure_platform(cluster)


@app.command()
def shop() -> None:
    """Have the shop running on the cluster, with customers who buy."""
    with _testbed() as testbed:
        cluster = testbed.cluster()
        cluster.ensure()
        ensure_platform(cluster)
        ensure_shop(cluster)
        port = NODE_PORTS["storefront"][0]
        testbed.steps.say(f"The shop is open: http://127.0.0.1:{port}/")


@app.command()
def agent() -> None:
    """Have the agent running on the cluster, with what it stands on."""
    with _testbed() as testbed:
        cluster = testbed.cluster()
        cluster.ensure()
        ensure_platform(cluster)
        ensure_agent(cluster)
        testbed.steps.say("The agent watches: `.venv/bin/ooda status` asks how it is.")


@app.command()
def injector(
    *,
    alone: Annotated[bool, typer.Option(help="Without the agent.")] = False,
) -> None:
    """Have the injector running on the cluster, with the shop to break and the agent to heal it."""
    with _testbed() as testbed:
        cluster = testbed.cluster()
        cluster.ensure()
        ensure_platform(cluster)
        ensure_shop(cluster)
        if alone:
            ensure_injector_alone(cluster)
        else:
            ensure_agent(cluster)
            ensure_injector(cluster)
        testbed.steps.say("Things may be broken: see `.venv/bin/ooda scenarios list`.")


@app.command()
def compose() -> None:
    """Have the agent running in containers, beside the cluster or where OODA_KUBECONFIG leads."""
    with _testbed() as testbed:
        kubeconfig = target.chosen()
        if kubeconfig is None:
            cluster = testbed.cluster()
            cluster.ensure()
            watched = target.beside(cluster)
        else:
            testbed.images_of_compose()
            watched = target.elsewhere(kubeconfig, testbed.layout, os.environ)
        image = agent_image(testbed.layout, testbed.pins)
        ensure_image(testbed.layout, testbed.steps, image)
        program = ensure_compose(testbed.lab, testbed.layout)
        testbed.compose().up(watched, image, program)


@app.command()
def compose_down() -> None:
    """Remove the containers of `compose`, their volumes, and what was made in the cluster."""
    with _testbed() as testbed:
        engine.ensure_engine(testbed.layout, testbed.lab, testbed.steps)
        testbed.compose().down(target.kubectl_program(testbed.layout))


@app.command()
def demo() -> None:
    """Have everything, break the shop four ways, and show how the agent heals it."""
    with _testbed() as testbed:
        cluster = testbed.cluster()
        cluster.ensure()
        ensure_platform(cluster)
        ensure_shop(cluster)
        ensure_agent(cluster)
        ensure_injector(cluster)
        run_demo(cluster)


@app.command()
def down(
    *,
    purge: Annotated[bool, typer.Option(help="Also remove the images and the cache.")] = False,
) -> None:
    """Remove the cluster and everything that was made for it, and only that."""
    with _testbed() as testbed:
        if docker.answers() or shutil.which("dockerd"):
            engine.ensure_engine(testbed.layout, testbed.lab, testbed.steps)
            _remove(testbed, purge=purge)
        forget_platform(testbed.layout)
        if purge:
            shutil.rmtree(testbed.layout.cache)


def _remove(testbed: Testbed, *, purge: bool) -> None:
    if preflight.read_names().foreign_cluster:
        raise Refused(f"The kind cluster {CLUSTER} was not made here; it is left alone.")
    testbed.compose().down_with(testbed.layout.kubeconfig)
    kind = source.find_kind(testbed.layout.binaries)
    Cluster(testbed.layout, testbed.pins, kind, testbed.steps, egress=False).remove()
    if purge:
        testbed.lab.purge()
    if engine.stop_engine(testbed.layout):
        testbed.steps.say("The Docker engine that was started for the cluster is stopped.")


@app.command()
def doctor(
    *,
    output: Annotated[Output, typer.Option(help="How to print the matrix.")] = Output.TABLE,
) -> None:
    """Try what this machine and the cluster can do, and print the capability matrix."""
    folders = layout()
    kubectl = Kubectl(folders.binaries / "kubectl", folders.kubeconfig)
    running = kubectl.program.is_file() and folders.kubeconfig.is_file()
    found = list(examine(folders, read_pins(folders.images), kubectl if running else None))
    if output is Output.JSON:
        print(json.dumps([asdict(capability) for capability in found], indent=2))
        return
    table = Table("capability", "works", "what was seen", box=None)
    for capability in found:
        works = {True: "[green]yes", False: "[red]no", None: "[yellow]not tried"}[capability.works]
        table.add_row(capability.name, works, escape(capability.detail))
    Console().print(table)


@contextmanager
def _testbed(*, alone: bool = True) -> Iterator[Testbed]:
    """One command at a time, if it has to be alone; errors become a sentence and an exit code."""
    for received in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(received, _as_interrupt)
    try:
        folders = layout()
        with (folders.state / "lock").open("w") as lock:
            try:
                if alone:
                    flock(lock, LOCK_EX | LOCK_NB)
            except OSError:
                raise Refused(
                    "Another command of the testbed is running; wait for it to end."
                ) from None
            with Steps(folders.logs) as steps:
                pins = read_pins(folders.images)
                yield Testbed(folders, pins, steps, laboratory(folders, pins, steps))
    except (TestbedError, ConfigError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, Refused) else 1) from error
    except OSError as error:
        print(f"{error.filename or 'The machine'}: {error.strerror}", file=sys.stderr)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        commands.end_all()
        print("Interrupted; nothing is left half-made. Run it again to go on.", file=sys.stderr)
        raise typer.Exit(130) from None


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
