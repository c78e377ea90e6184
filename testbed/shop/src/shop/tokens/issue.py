import time
from collections.abc import Callable

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shop.tokens.keys import ALGORITHM, ISSUER, Audience, key_id


class Issuer:
    """Signs tokens; only auth has one."""

    def __init__(self, key: Ed25519PrivateKey, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._key_id = key_id(key.public_key())
        self._clock = clock

    def issue(self, audience: Audience, subject: str, lifetime: int) -> str:
        """Return a signed token that is good for `lifetime` seconds."""
        now = int(self._clock())
        claims = {
            "iss": ISSUER,
            "aud": audience.value,
            "sub": subject,
            "iat": now,
            "exp": now + lifetime,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self._key_id})
