"""What the issuer and the verifiers of tokens agree on.

Tokens are signed with a key pair: auth has the private half, all others the public.
"""

import hashlib
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

ALGORITHM = "EdDSA"
ISSUER = "auth"


class Audience(StrEnum):
    """Whom a token is for: it says who a customer is, or that the caller is a service."""

    USER = "user"
    SERVICE = "service"


def signing_key(pem: bytes) -> Ed25519PrivateKey:
    """Read a private key; raises ValueError if it is none or of another kind."""
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("the signing key is not an Ed25519 key")  # noqa: TRY004 -- bad file, not bad call
    return key


def verification_key(pem: bytes) -> Ed25519PublicKey:
    """Read a public key; raises ValueError if it is none or of another kind."""
    key = load_pem_public_key(pem)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("the verification key is not an Ed25519 key")  # noqa: TRY004 -- bad file, not bad call
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """Return a short name for a key, the same wherever the key is known."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:12]
