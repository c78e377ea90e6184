"""The `ooda` command with servers of a test: in this process, or as people run it in its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from typer.testing import CliRunner, Result

from ooda.cli.main import app
from ooda.common.topology import Service
from servers.loop_bus import LoopBus
from servers.trail import ROLE_PASSWORD, Database

PROGRAM = Path(sys.executable).parent / "ooda"


@dataclass
class Ooda:
    """Runs the command with an environment."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)

    def variables(self) -> Mapping[str, str]:
        of_us = ("OODA_", "PG", "KUBE", "COLUMNS")
        inherited = {key: text for key, text in os.environ.items() if not key.startswith(of_us)}
        return inherited | {"HOME": str(self.directory)} | self.environment

    def __call__(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end in this process: to start one and import all takes seconds.

        It gets a thread of its own, for a test may have an event loop that runs. What the test's
        own services print meanwhile is taken for its output: use ``process`` beside them.
        """
        with ThreadPoolExecutor(1) as thread:
            result = thread.submit(self._invoke, arguments).result()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return _inert(
            subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)
        )

    def process(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end as a process of its own."""
        return _inert(
            subprocess.run(
                [PROGRAM, *arguments],
                env=self.variables(), capture_output=True, text=True, check=False, timeout=45,
            )
        )  # fmt: skip

    def _invoke(self, arguments: Sequence[str]) -> Result:
        wanted = self.variables()
        environment = {key: wanted.get(key) for key in {*os.environ, *wanted}}
        return CliRunner(env=environment).invoke(app, arguments, prog_name="ooda")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [PROGRAM, *arguments],
            env={**self.variables(), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def with_bus(self, bus: LoopBus) -> "Ooda":
        self.environment |= {
            "OODA_NATS__URL": bus.url,
            "OODA_NATS__PASSWORD": bus.passwords[f"{Service.CLI.upper()}_PASSWORD"],
        }
        return self

    def with_audit(self, database: Database, role: str = "reader") -> "Ooda":
        settings = database.settings(role)
        self.environment |= {
            "OODA_POSTGRES__URL": str(settings.url),
            "OODA_POSTGRES__USER": role,
            "OODA_POSTGRES__PASSWORD": settings.reveal_password() or ROLE_PASSWORD,
        }
        return self


def _inert(done: "subprocess.CompletedProcess[str]") -> "subprocess.CompletedProcess[str]":
    """Return it: nothing it prints may ever be a traceback or act on a terminal."""
    assert "Traceback" not in done.stderr, done.stderr
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & {*done.stdout, *done.stderr}
    return done
