import pytest

from smbquic.crypto.rc4 import rc4


@pytest.mark.parametrize(
    ("key", "stream"),
    [
        ("0102030405", "b2396305f03dc027ccc3524a0a1118a8"),
        ("0102030405060708090a0b0c0d0e0f10", "9ac7cc9a609d1ef7b2932899cde41b97"),
    ],
)
def test_the_examples_of_the_specification(key: str, stream: str) -> None:
    """[RFC6229] 2"""
    encrypted = rc4(bytes.fromhex(key), bytes(16))
    assert encrypted.hex() == stream
    assert rc4(bytes.fromhex(key), encrypted) == bytes(16)
