"""A server in a place that says nothing, and closes when its client has."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator

from servers.sandboxes import Place


@contextlib.contextmanager
def closing(place: Place, port: int) -> Iterator[None]:
    """Serve in a place for as long as the block lasts."""
    ending, told = socket.socketpair()
    with ending, told, place.socket(socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((place.address, port))
        listening.listen(64)
        thread = threading.Thread(target=_serve, args=(listening, told))
        thread.start()
        try:
            yield
        finally:
            ending.send(b".")
            thread.join()


def _serve(listening: socket.socket, told: socket.socket) -> None:
    served: set[socket.socket] = set()
    with contextlib.ExitStack() as held:
        while True:
            ready, _, _ = select.select([listening, told, *served], [], [])
            if told in ready:
                return
            for each in ready:
                if each is listening:
                    served.add(held.enter_context(listening.accept()[0]))
                elif not _has_more(each):
                    served.discard(each)
                    each.close()


def _has_more(served: socket.socket) -> bool:
    try:
        return bool(served.recv(4096))
    except ConnectionResetError:
        return False
