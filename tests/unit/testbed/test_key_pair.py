import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from ooda.testbed.workloads.shop import key_pair


def loaded() -> tuple[Ed25519PrivateKey, Ed25519PublicKey]:
    private_pem, public_pem = key_pair()
    private = load_pem_private_key(private_pem.encode(), password=None)
    public = load_pem_public_key(public_pem.encode())
    assert isinstance(private, Ed25519PrivateKey)
    assert isinstance(public, Ed25519PublicKey)
    return private, public


def test_the_public_key_verifies_what_its_private_key_signed() -> None:
    private, public = loaded()
    public.verify(private.sign(b"token"), b"token")


def test_every_pair_is_another() -> None:
    _, one = loaded()
    other, _ = loaded()
    with pytest.raises(InvalidSignature):
        one.verify(other.sign(b"token"), b"token")
