"""A throw-away container registry on a free loopback port."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from servers.processes import accepts_connections, free_port, installed, wait_until


@contextmanager
def registry_server(directory: Path) -> Iterator[str]:
    """Yield host:port of an empty registry that keeps its data in a folder."""
    program = installed(
        [Path(shutil.which("docker-registry") or "/usr/bin/docker-registry")], "docker-registry"
    )
    port = free_port()
    config = directory / "registry.yml"
    config.write_text(
        yaml.safe_dump(
            {
                "version": 0.1,
                "log": {"level": "error", "accesslog": {"disabled": True}},
                "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
                "http": {"addr": f"127.0.0.1:{port}"},
            }
        )
    )
    with subprocess.Popen([program, "serve", config], stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: accepts_connections(port), "docker-registry")
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
