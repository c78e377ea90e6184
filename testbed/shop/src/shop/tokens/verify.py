import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shop.tokens.keys import ALGORITHM, ISSUER, Audience

LEEWAY_SECONDS = 2  # what the clocks of two nodes may differ by


class TokenRejectedError(Exception):
    """A token is not acceptable; the text is the reason, as PyJWT words it."""

    def __init__(self, reason: str, issuer: str | None, kid: str | None) -> None:
        super().__init__(reason)
        self.issuer = issuer
        self.kid = kid


class Verifier:
    """Checks tokens against the public key and this machine's clock."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def subject(self, token: str, audience: Audience) -> str:
        """Return whom a valid token speaks for; raises TokenRejectedError."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=audience.value,
                issuer=ISSUER,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise TokenRejectedError(str(error), *self._claimed(token)) from error
        return str(claims["sub"])

    def _claimed(self, token: str) -> tuple[str | None, str | None]:
        """Return the issuer and key that an unverified token names, for the log only."""
        try:
            parts = jwt.decode_complete(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            return None, None
        return parts["payload"].get("iss"), parts["header"].get("kid")
