"""Faults, by the `ooda` command."""

from dataclasses import dataclass
from typing import Any

from e2e.live.ooda import Ooda
from e2e.live.shop import SHOP
from e2e.live.waiting import wait_until


@dataclass(frozen=True)
class Injection:
    """A run that was asked for, on its way."""

    ooda: Ooda
    run_id: str

    def read(self) -> dict[str, Any]:
        """Return its journal."""
        found: dict[str, Any] = self.ooda.json("runs", "show", self.run_id)
        return found

    def reached(self, stage: str, seconds: float) -> str:
        """Wait until it came to a stage, or saw its effect, and return when."""
        return wait_until(lambda: str(self.read()["times"].get(stage, "")), stage, seconds)

    def report(self) -> dict[str, Any]:
        """Return its evaluation."""
        found: dict[str, Any] = self.ooda.json("runs", "report", self.run_id)
        return found


@dataclass(frozen=True)
class Injections:
    """Asks for faults in the shop."""

    ooda: Ooda

    def followed(
        self, scenario: str, target: str, duration: str, *stated: str, seconds: float
    ) -> Injection:
        """Make a run and follow it to its end.

        Raises AssertionError if it did not bite, or the old state did not come back.
        """
        told = self.ooda(*_inject(scenario, target, duration), *stated, seconds=seconds)
        return Injection(self.ooda, _run_id(told))

    def begun(self, scenario: str, target: str, duration: str) -> Injection:
        """Ask for a run, and leave it to end by itself: nobody follows it."""
        with self.ooda.started(*_inject(scenario, target, duration)) as process:
            assert process.stdout is not None
            told = process.stdout.readline()
            armed = next((line for line in process.stdout if "fault.armed" in line), "")
            process.kill()
        assert armed, told
        return Injection(self.ooda, _run_id(told))


def _inject(scenario: str, target: str, duration: str) -> list[str]:
    where = ["--target", target, "--namespace", SHOP, "--duration", duration]
    return ["inject", scenario, *where]


def _run_id(told: str) -> str:
    """Return what the first line names: ``Run pod-kill-3f; …``."""
    return told.split(";", maxsplit=1)[0].removeprefix("Run ")
