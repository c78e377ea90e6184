"""What a person sees while something takes long: what runs, for how long, where its log is."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """Shows steps as they run; several may run at once, in threads.

    On a terminal each has a live line; elsewhere one line when it begins and one when it ends.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._console = Console(highlight=False, soft_wrap=True)
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[log]}"),
            console=self._console,
            transient=True,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, sentence: str) -> None:
        """Print one line that stays."""
        self._console.print(sentence, markup=False)
        sys.stdout.flush()

    @contextmanager
    def step(self, title: str, log_name: str) -> Iterator[Path]:
        """Show a step while it runs; yields its log file, emptied."""
        log = self._logs / f"{log_name}.log"
        log.write_bytes(b"")
        began = time.monotonic()
        if not self._console.is_terminal:
            self.say(f"… {title} (log: {log})")
        task = self._live.add_task(title, total=None, log=str(log))
        try:
            yield log
        except BaseException:
            self.say(f"✗ {title}, after {time.monotonic() - began:.1f} s (log: {log})")
            raise
        finally:
            self._live.remove_task(task)
        self.say(f"✓ {title} ({time.monotonic() - began:.1f} s)")
