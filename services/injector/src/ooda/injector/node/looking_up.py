"""A lookup in the network namespace that this process is in, from a socket of its own."""

import contextlib
import select
import socket
from typing import Final

from ooda.injector.node.core.dns_answers import PORT
from ooda.injector.node.core.lookups import answers, code_of, question
from ooda.injector.node.core.trains import WELL
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

    def heard(self) -> int | None:
        """See UnderWay. Raises OSError, such as of a port that nobody listens on."""
        try:
            said = self.socket.recv(_LONGEST, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        if answers(said, self._number):
            return WELL
        code = code_of(said, self._number)
        return None if code == WELL else code  # without an address it is no answer
