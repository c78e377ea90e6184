"""A lookup in the network namespace that this process is in, from a socket of its own."""

import contextlib
import select
import socket
from typing import Final

from ooda.injector.node.core.lookups import PORT, answers, question
from ooda.injector.node.orders import Lookup

_LONGEST: Final = 4096


class LookingUp:
    """A lookup under way; see `questions.UnderWay`."""

    events = select.EPOLLIN

    def __init__(self, lookup: Lookup, number: int) -> None:
        self._number = number
        self.socket = socket.socket(
            socket.AF_INET if lookup.server.version == 4 else socket.AF_INET6,  # noqa: PLR2004 - IPv4
            socket.SOCK_DGRAM | socket.SOCK_CLOEXEC,
        )
        with contextlib.suppress(OSError):  # then it is not answered
            self.socket.connect((str(lookup.server), PORT))
            self.socket.send(question(lookup.name, number))

    def is_answered(self) -> bool:
        """See UnderWay. Raises OSError, such as of a port that nobody listens on."""
        try:
            return answers(self.socket.recv(_LONGEST, socket.MSG_DONTWAIT), self._number)
        except BlockingIOError:
            return False
