"""Report files on a volume: which to write, and which may go when space is short."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ANY_REPORT = "report-*.csv"
OWN_REPORT = f"report-{'[0-9]' * 13}.csv"
"""What the service writes itself, by the time in milliseconds; not what somebody put aside."""


@dataclass(frozen=True, order=True)
class ReportFile:
    """A report as it lies on the volume; size in bytes."""

    modified: float
    path: Path
    size: int


def removable(files: Iterable[ReportFile], keep_files: int, keep_bytes: int) -> list[ReportFile]:
    """Return the files to remove, so that the newest stay within both bounds."""
    kept = total = 0
    surplus = []
    for file in sorted(files, reverse=True):
        if kept < keep_files and total + file.size <= keep_bytes:
            kept += 1
            total += file.size
        else:
            surplus.append(file)
    return surplus


def reports_in(directory: Path, pattern: str) -> list[ReportFile]:
    """List the reports on the volume; other files are nobody's business here."""
    found = []
    for path in directory.glob(pattern):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # the other one that cleans was faster
        found.append(ReportFile(status.st_mtime, path, status.st_size))
    return found


def clean(directory: Path, keep_files: int, keep_bytes: int, pattern: str) -> tuple[int, int]:
    """Remove the reports that may go; return how many and how many bytes."""
    surplus = removable(reports_in(directory, pattern), keep_files, keep_bytes)
    for file in surplus:
        file.path.unlink(missing_ok=True)
    return len(surplus), sum(file.size for file in surplus)
