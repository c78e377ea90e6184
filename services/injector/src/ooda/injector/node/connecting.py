"""A connection out of the network namespace that this process is in.

It is opened, and its own half closed at once. Whoever serves then says something, or closes too: so
an answer is not only its kernel's, and no protocol need be spoken. Who does not serve refuses,
which is an answer too.
"""

import errno
import os
import select
import socket
from typing import Final

from ooda.common.node_means import Endpoint
from ooda.injector.node.core.trains import WELL

_ENDED: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})


class Connecting:
    """A connection under way; see `questions.UnderWay`."""

    # Told of each change once: a connection that stands could be written to all the time.
    events = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET

    def __init__(self, endpoint: Endpoint) -> None:
        self.socket = socket.socket(
            socket.AF_INET if endpoint.address.version == 4 else socket.AF_INET6,  # noqa: PLR2004 - IPv4
            socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
        )
        self._stands = False
        failed = self.socket.connect_ex((str(endpoint.address), endpoint.port))
        self._failed = 0 if failed == errno.EINPROGRESS else failed

    def heard(self) -> int | None:
        """See UnderWay. Raises OSError, such as of a network that cannot be reached."""
        failed = self._failed or self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed in _ENDED:
            return WELL
        if failed:
            raise OSError(failed, os.strerror(failed))
        try:
            if not self._stands:
                self.socket.shutdown(socket.SHUT_WR)
                self._stands = True
            self.socket.recv(1)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            return WELL
        return WELL
