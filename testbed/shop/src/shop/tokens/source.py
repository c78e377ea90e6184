"""The token that this service shows to others: always the newest one in the Secret."""

from collections.abc import Mapping

import structlog

log = structlog.get_logger()

TOKEN_KEY = "token"  # noqa: S105 -- a name


class ServiceToken:
    """The last token seen; none until the first refresh has run."""

    def __init__(self) -> None:
        self._token: str | None = None

    def accept(self, data: Mapping[str, str]) -> None:
        """Take over what the Secret holds now; an empty one does not replace a token."""
        token = data.get(TOKEN_KEY, "").strip()
        if not token:
            log.warning("no service token yet", reason=f"the Secret has no key {TOKEN_KEY!r}")
        elif token != self._token:
            self._token = token
            log.info("service token renewed")

    def header(self) -> Mapping[str, str]:
        """Return the Authorization header of an outgoing call."""
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}
