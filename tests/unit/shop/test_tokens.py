import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from shop.tokens.issue import Issuer
from shop.tokens.keys import Audience, key_id, signing_key, verification_key
from shop.tokens.verify import TokenRejectedError, Verifier

KEY = Ed25519PrivateKey.generate()
OTHER_KEY = Ed25519PrivateKey.generate()


def issued(
    key: Ed25519PrivateKey = KEY, audience: Audience = Audience.SERVICE, *, age: int = 0
) -> str:
    return Issuer(key, lambda: time.time() - age).issue(audience, "shop", lifetime=60)


def test_a_good_token_says_whom_it_speaks_for() -> None:
    assert Verifier(KEY.public_key()).subject(issued(), Audience.SERVICE) == "shop"


@pytest.mark.parametrize(
    ("issue", "reason"),
    [
        pytest.param(lambda: issued(age=63), "Signature has expired", id="expired"),
        pytest.param(lambda: issued(age=-30), "The token is not yet valid (iat)", id="future"),
        pytest.param(lambda: issued(OTHER_KEY), "Signature verification failed", id="another key"),
        pytest.param(
            lambda: issued(audience=Audience.USER), "Audience doesn't match", id="another audience"
        ),
        pytest.param(lambda: "rubbish", "Not enough segments", id="rubbish"),
    ],
)
def test_a_bad_token_is_rejected_with_the_reason(issue: Callable[[], str], reason: str) -> None:
    with pytest.raises(TokenRejectedError, match=r".*") as caught:
        Verifier(KEY.public_key()).subject(issue(), Audience.SERVICE)
    assert str(caught.value) == reason


def test_clocks_may_differ_by_a_little() -> None:
    assert Verifier(KEY.public_key()).subject(issued(age=61), Audience.SERVICE) == "shop"


def test_a_rejection_names_issuer_and_key() -> None:
    with pytest.raises(TokenRejectedError) as caught:
        Verifier(KEY.public_key()).subject(issued(age=100), Audience.SERVICE)
    assert (caught.value.issuer, caught.value.kid) == ("auth", key_id(KEY.public_key()))


def test_keys_are_read_from_pem() -> None:
    private = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = issued(signing_key(private))
    assert Verifier(verification_key(public)).subject(token, Audience.SERVICE) == "shop"


def test_keys_of_another_kind_are_refused() -> None:
    key = generate_private_key(SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="not an Ed25519 key"):
        signing_key(private)
    with pytest.raises(ValueError, match="not an Ed25519 key"):
        verification_key(public)
