"""The `ooda` command, as a person calls it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROGRAM = Path(sys.executable).parent / "ooda"


@dataclass(frozen=True)
class Ooda:
    """Calls it for the cluster of a kubeconfig."""

    kubeconfig: Path

    def __call__(self, *argv: str, seconds: float = 30) -> str:
        """Return what it printed; raises AssertionError with it where it did not end well."""
        done = subprocess.run(
            [_PROGRAM, *argv],
            capture_output=True, text=True, check=False, timeout=seconds, env=self._environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *argv: str) -> Any:
        """Return what it tells with `--output json`."""
        return json.loads(self(*argv, "--output", "json"))

    @contextmanager
    def started(self, *argv: str) -> Iterator["subprocess.Popen[str]"]:
        """Have it run beside the block; it is ended with it."""
        with subprocess.Popen(
            [_PROGRAM, *argv], stdout=subprocess.PIPE, text=True, env=self._environment()
        ) as process:
            try:
                yield process
            finally:
                process.terminate()

    def _environment(self) -> dict[str, str]:
        wide = {"COLUMNS": "250"}  # tables are not folded
        return {**os.environ, **wide, "KUBECONFIG": str(self.kubeconfig)}
