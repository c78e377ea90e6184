"""The last bytes of a log that streams by. Pure, and bounded in memory."""

_CONTINUES, _BEGINS = 0x80, 0xC0
"""Bytes of UTF-8 from the first up to the second go on with a character that began before."""

_LONGEST = 4
"""Bytes of the longest character of UTF-8."""


class LogTail:
    """Keeps the last bytes of what it is fed, never more than twice the limit and one chunk.

    The API server's own ``limitBytes`` stops at the *beginning* of the lines that were asked for,
    so that the newest ones, which say why a container died, would be lost.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._cut = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._held += chunk
        if len(self._held) > 2 * self._limit:
            self._shorten()

    def text(self) -> str:
        """Return the end; a character of which only a part is left is dropped."""
        self._shorten()
        end = bytes(self._held)
        if self._cut:
            # Nothing but the rest of one character is no text; four such bytes never were any.
            none = len(end) if len(end) < _LONGEST else 0
            end = end[next((i for i, byte in enumerate(end[:_LONGEST]) if _begins(byte)), none) :]
        return end.decode(errors="replace")

    def _shorten(self) -> None:
        excess = len(self._held) - self._limit
        if excess > 0:
            del self._held[:excess]
            self._cut = True


def _begins(byte: int) -> bool:
    """Say whether a character of UTF-8 can begin with this byte."""
    return not _CONTINUES <= byte < _BEGINS
