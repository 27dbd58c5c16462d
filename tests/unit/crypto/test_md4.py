import pytest
from Cryptodome.Hash import MD4
from hypothesis import given
from hypothesis import strategies as st

from smbquic.crypto.md4 import md4


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        ("a", "bde52cb31de33e46245e05fbdbd6fb24"),
        ("abc", "a448017aaf21d8525fc10ae87aa6729d"),
        ("message digest", "d9130a8164549fe818874806e1c7014b"),
        ("abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
        ("1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_the_examples_of_the_specification(text: str, digest: str) -> None:
    """[RFC1320] A.5"""
    assert md4(text.encode()).hex() == digest


@given(data=st.binary(max_size=200))
def test_agrees_with_another_implementation(data: bytes) -> None:
    assert md4(data) == MD4.new(data).digest()
