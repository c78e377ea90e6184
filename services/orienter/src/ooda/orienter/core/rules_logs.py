"""What a log says: a few patterns, never words that name a failure class. Pure.

A log is written by the workload, and anybody who can send it a request may write into it. So it
yields signs of a closed list only, each worth little, and all of them together are clipped.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ooda.common.masking import mask
from ooda.orienter.core.findings import Seen
from ooda.orienter.core.signs import Sign

LINE = 300
LINES = 8

_PATTERNS: tuple[tuple[Sign, re.Pattern[str]], ...] = (
    (
        Sign.LOG_CONNECTION_REFUSED,
        re.compile(
            r"connection refused|ECONNREFUSED|could not connect to server|connect call failed"
            r"|cannot connect to host",
            re.IGNORECASE,
        ),
    ),
    (
        Sign.LOG_OUT_OF_MEMORY,
        re.compile(r"OutOfMemory|out of memory|MemoryError|cannot allocate memory", re.IGNORECASE),
    ),
    (
        Sign.LOG_CONFIG_MISSING,
        re.compile(
            r"(environment variable|config\w*|setting|option)\b.{0,60}\b"
            r"(missing|not set|is required|not found)|missing required (config|env|setting)",
            re.IGNORECASE,
        ),
    ),
    (
        Sign.LOG_NO_SUCH_FILE,
        re.compile(r"no such file or directory|ENOENT|executable file not found", re.IGNORECASE),
    ),
    (Sign.LOG_PERMISSION_DENIED, re.compile(r"permission denied|EACCES", re.IGNORECASE)),
    (
        Sign.LOG_PANIC,
        re.compile(
            r"^panic:|^fatal error:|Traceback \(most recent call last\)|Unhandled exception"
            r"|^Exception in thread|segmentation fault|unrecognized arguments|No module named",
            re.IGNORECASE,
        ),
    ),
)

_WORD = re.compile(r"[a-z0-9][a-z0-9.-]*")
"""What may be a host: clients write it in many ways, so any word is compared with known names."""


@dataclass(frozen=True, slots=True)
class LogRead:
    """What was read from logs."""

    seen: Seen
    refused_by: tuple[str, ...]
    """Words of the lines that say a connection was refused; a host may be among them."""


def read_logs(texts: Sequence[str]) -> LogRead:
    """Classify lines by pattern; the excerpt has only lines that a pattern matched."""
    signs: set[Sign] = set()
    lines: list[str] = []
    hosts: list[str] = []
    for line in (line.strip() for text in texts for line in text.splitlines()):
        sign = next((sign for sign, pattern in _PATTERNS if pattern.search(line[:2000])), None)
        if sign is None:
            continue
        signs.add(sign)
        lines.append(mask(line)[:LINE])
        if sign is Sign.LOG_CONNECTION_REFUSED:
            hosts += _WORD.findall(line[:2000].lower())
    if not lines:
        lines = [line.strip()[:LINE] for text in texts for line in mask(text).splitlines()[-2:]]
    return LogRead(Seen(frozenset(signs), "\n".join(lines[-LINES:])), tuple(dict.fromkeys(hosts)))


def server_named(words: Sequence[str], known: Sequence[str], namespace: str) -> tuple[str, ...]:
    """Return the Services or workloads among the words: exact names of the same namespace only."""
    names = set(known)
    found = []
    for word in words:
        name, _, rest = word.rstrip(".").partition(".")
        here = not rest or rest == namespace or rest.startswith(f"{namespace}.svc")
        if here and name in names:
            found.append(name)
    return tuple(dict.fromkeys(found))
