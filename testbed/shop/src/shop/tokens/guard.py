"""Who may call: FastAPI dependencies that verify tokens before a handler runs."""

from typing import Annotated

import structlog
from fastapi import Header, HTTPException

from shop.tokens.keys import Audience
from shop.tokens.verify import TokenRejectedError, Verifier

log = structlog.get_logger()

USER_TOKEN_HEADER = "X-User-Token"  # noqa: S105 -- a name


class Guard:
    """The checks of one service, all with its one verifier."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    async def service(self, authorization: Annotated[str, Header()] = "") -> None:
        """Let only other services in."""
        self._subject(_bearer(authorization), Audience.SERVICE)

    async def user(self, x_user_token: Annotated[str, Header()] = "") -> str:
        """Return the user that another service acts for."""
        return self._subject(x_user_token, Audience.USER)

    async def customer(self, authorization: Annotated[str, Header()] = "") -> tuple[str, str]:
        """Return the user who calls from outside, and the token as it came."""
        token = _bearer(authorization)
        return self._subject(token, Audience.USER), token

    def _subject(self, token: str, audience: Audience) -> str:
        if not token:
            raise _unauthorized(audience, "no token")
        try:
            return self._verifier.subject(token, audience)
        except TokenRejectedError as error:
            log.warning(
                "token verification failed",
                reason=str(error),
                audience=audience.value,
                issuer=error.issuer,
                kid=error.kid,
            )
            raise _unauthorized(audience, str(error)) from error


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unauthorized(audience: Audience, reason: str) -> HTTPException:
    description = reason.replace('"', "'")
    challenge = (
        f'Bearer realm="{audience}", error="invalid_token", error_description="{description}"'
    )
    return HTTPException(401, reason, headers={"WWW-Authenticate": challenge})
