"""The folder in which the results of a batch are kept: a file for each run, whole or not there."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from ooda.cli.summaries import Refused, as_markdown, summarise
from ooda.common.run_reports import RunReport

_BATCH = "batch.yaml"
_REFUSED = ".refused.json"


class ResultsError(Exception):
    """The folder cannot be used for this batch; the message says why."""


class Results:
    """The results of one batch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, batch: str, *, resume: bool) -> None:
        """Make the folder, or take up the one that there is. Raises ResultsError, OSError."""
        kept = self._folder / _BATCH
        there = kept.read_text() if kept.exists() else None
        if there is None:
            if self._folder.exists() and any(self._folder.iterdir()):
                raise ResultsError(f"{self._folder} has something else in it")
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write(_BATCH, batch)
        elif not resume:
            raise ResultsError(f"{self._folder} has results already: say --resume, or elsewhere")
        elif there != batch:
            raise ResultsError(f"the results in {self._folder} are of another list of runs")

    def done(self, name: str) -> bool:
        """Say whether a run has been made and evaluated; one that was refused is tried again."""
        return (self._folder / f"{name}.json").exists()

    def keep(self, name: str, report: RunReport) -> None:
        """Write the evaluation of a run down. Raises OSError."""
        self._write(f"{name}.json", report.model_dump_json(indent=2) + "\n")
        with contextlib.suppress(FileNotFoundError):
            (self._folder / f"{name}{_REFUSED}").unlink()

    def refuse(self, name: str, refused: Refused) -> None:
        """Write down that there was no run. Raises OSError."""
        self._write(f"{name}{_REFUSED}", refused.model_dump_json(indent=2) + "\n")

    def summarise(self, names: Sequence[str]) -> str:
        """Write the summary of what there is, and return it to read. Raises ResultsError."""
        summary = summarise(len(names), self._reports(names), self._refused(names))
        self._write("summary.json", summary.model_dump_json(indent=2) + "\n")
        told = as_markdown(summary)
        self._write("summary.md", told)
        return told

    def _reports(self, names: Sequence[str]) -> Sequence[RunReport]:
        found = []
        for name in names:
            if self.done(name):
                path = self._folder / f"{name}.json"
                try:
                    found.append(RunReport.model_validate_json(path.read_bytes()))
                except ValidationError as error:
                    raise ResultsError(f"{path} is no evaluation of a run: {error}") from error
        return found

    def _refused(self, names: Sequence[str]) -> Mapping[str, Refused]:
        paths = {name: self._folder / f"{name}{_REFUSED}" for name in names}
        return {
            name: Refused.model_validate_json(path.read_bytes())
            for name, path in paths.items()
            if path.exists()
        }

    def _write(self, name: str, text: str) -> None:
        """Write a file so that it is there as a whole, whenever this program is killed."""
        path = self._folder / name
        beside = path.with_suffix(f"{path.suffix}.new")
        with beside.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
