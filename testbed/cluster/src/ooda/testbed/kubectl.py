"""kubectl bound to one cluster, the testbed's if nothing else is said, and to nothing else."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ooda.testbed.commands import run
from ooda.testbed.layout import CONTEXT


@dataclass(frozen=True)
class Kubectl:
    """Calls with a deadline each; raises CommandFailed."""

    program: Path
    kubeconfig: Path
    context: str = CONTEXT

    def __call__(self, *argv: str, deadline: float = 30.0, stdin: str | None = None) -> str:
        """Run kubectl with arguments and return its output."""
        return run(
            str(self.program), f"--kubeconfig={self.kubeconfig}", f"--context={self.context}",
            f"--request-timeout={deadline:.0f}s", *argv, deadline=deadline + 2, stdin=stdin,
        )  # fmt: skip

    def items(self, *argv: str, deadline: float = 10.0) -> list[dict[str, Any]]:
        """Return the items of a `get`."""
        found: list[dict[str, Any]] = json.loads(
            self("get", "-o", "json", *argv, deadline=deadline)
        )["items"]
        return found

    def apply(self, *manifests: dict[str, Any], deadline: float = 30.0) -> None:
        """Apply objects, server-side: what others set of them stays."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        self(
            "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text, deadline=deadline
        )
