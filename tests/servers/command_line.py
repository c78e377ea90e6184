"""The `ooda` command as people run it: a process of its own, with servers of a test."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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

    def __call__(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end; nothing it prints may ever be a traceback or act on a terminal."""
        done = subprocess.run(
            [PROGRAM, *arguments],
            env={**self.variables(), **more},
            capture_output=True, text=True, check=False, timeout=45,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & {*done.stdout, *done.stderr}
        return done

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
