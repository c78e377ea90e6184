"""Programs on the PATH that are small shell scripts."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Programs:
    """The only folder on the PATH: what was not put there is not installed."""

    folder: Path

    def put(self, name: str, script: str) -> None:
        """Have a program; its script may use the shell's own commands and absolute paths."""
        program = self.folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def borrow(self, *names: str) -> None:
        """Have some of the machine's own programs too."""
        for name in names:
            (self.folder / name).symlink_to(f"/bin/{name}")
