"""Subjects and the patterns that cover them, as the server compares them. Pure."""

import re

from ooda.common.topology import STREAMS, Account, Stream

_KEY = re.compile(r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*")


def check_key(bucket: str, key: str) -> None:
    """Raise ValueError if a bucket cannot have such a key: it is a part of a subject."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"bucket {bucket}: {key!r} cannot be a key")


def covers(pattern: str, subject: str) -> bool:
    """Say whether a pattern (``*`` one part, ``>`` the rest) covers a subject or pattern."""
    parts, wanted = pattern.split("."), subject.split(".")
    for position, part in enumerate(parts):
        if part == ">":
            return len(wanted) > position
        if position >= len(wanted) or (part != "*" and part != wanted[position]):
            return False
    return len(parts) == len(wanted)


def stream_of(subject: str, account: Account) -> Stream:
    """Return the stream that stores a subject in an account. Raises ValueError if none does."""
    for stream in STREAMS:
        if stream.account is account and any(covers(each, subject) for each in stream.subjects):
            return stream
    raise ValueError(f"account {account} has no stream for {subject}")
