"""Why a server cannot be reached, said once for all of them."""

import asyncio
import errno
import socket
import ssl


class UnreachableError(Exception):
    """A server cannot be used; the message is one sentence that says what to do."""


async def reach(what: str, host: str, port: int) -> None:
    """Open a TCP connection and close it again: what the operating system says is typed.

    The clients of the servers wrap these errors each in their own words. Raises
    UnreachableError if the name is unknown or nothing listens.
    """
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        raise UnreachableError(why(what, host, port, error)) from error
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        return  # it was open, that is all we wanted to know


def why(what: str, host: str, port: int, error: Exception) -> str:
    """Say in one sentence what a connection error means for the person who reads it."""
    match error:
        case socket.gaierror():
            return f"The name {host} of {what} is unknown: correct its address or the resolver."
        case ssl.SSLCertVerificationError():
            return (
                f"{what} at {host}:{port} shows a certificate that is not trusted here "
                f"({error.verify_message}): correct the CA in its configuration."
            )
        case ssl.SSLError():
            return (
                f"{what} at {host}:{port} does not speak TLS as we do "
                f"({error.reason or 'handshake failed'}): correct its address or port."
            )
        case ConnectionRefusedError():
            return (
                f"Nothing listens at {host}:{port}: start {what} (`make platform` does for the "
                "kind cluster), or correct its address."
            )
        case _:
            number = error.errno if isinstance(error, OSError) else None
            cause = errno.errorcode.get(number or 0, type(error).__name__)
            return (
                f"{what} at {host}:{port} cannot be reached ({cause}): check network and address."
            )
