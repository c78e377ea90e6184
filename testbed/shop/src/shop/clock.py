"""The file through which the wall clock of this process can be shifted.

`clockskew/clockskew.c` maps it; sixteen zero bytes mean "no shift".
"""

import os
from pathlib import Path

SKEW_FILE_SIZE = 16


def create_skew_file() -> None:
    """Make the inert file that `CLOCK_SKEW_FILE` names, if it names one that is missing."""
    name = os.environ.get("CLOCK_SKEW_FILE")
    if not name:
        return
    path = Path(name)
    if path.exists():
        return
    # Written whole under another name first: the library never maps a short file.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_bytes(bytes(SKEW_FILE_SIZE))
    draft.replace(path)
