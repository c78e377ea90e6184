"""What can go wrong for a reason that a person can act on.

TestbedError
├── Refused         the machine or the request does not allow it; nothing was changed
├── CommandFailed   a program that we ran failed; names its log
└── Unready         something was started and did not become ready in time
"""

# ruff: noqa: N818 - each name is what happened, and reads as a sentence where it is raised

from pathlib import Path

_COMMON_OPTIONS = ("--kubeconfig=", "--context=", "--request-timeout=")
_SHOWN = 160  # characters of a command in a message


class TestbedError(Exception):
    """A sentence for a person, which says what to do."""

    __test__ = False  # its name begins like a test class


class Refused(TestbedError):
    """The machine or the request does not allow it; nothing was changed."""


class Unready(TestbedError):
    """Something was started and did not become ready within its deadline."""


class CommandFailed(TestbedError):
    """A program ended with an error, or did not end within its deadline."""

    def __init__(
        self, argv: tuple[str, ...], why: str, output: str, log: Path | None = None
    ) -> None:
        self.output = output
        lines = [line for line in output.strip().splitlines() if line.strip()]
        tail = "".join(f"\n    {line}" for line in lines[-8:])
        whole = f"\n  whole log: {log}" if log else ""
        words = [word for word in argv if not word.startswith(_COMMON_OPTIONS)]
        super().__init__(f"`{' '.join(words)[:_SHOWN]}` {why}:{tail}{whole}")
