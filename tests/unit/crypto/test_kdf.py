import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from hypothesis import given
from hypothesis import strategies as st
from impacket.crypto import KDF_CounterMode  # type: ignore[import-untyped]

from smbquic.crypto.kdf import kdf

KEY = bytes.fromhex("7CD451825D0450D235424E44BA6E78CC")


def test_matches_microsofts_signing_key() -> None:
    assert kdf(KEY, b"SMB2AESCMAC\x00", b"SmbSign\x00", 128) == bytes.fromhex(
        "0B7E9C5CAC36C0F6EA9AB275298CEDCE"
    )


@pytest.mark.parametrize("bits", [128, 256])
@given(
    key=st.binary(min_size=16, max_size=64),
    label=st.binary(min_size=1, max_size=32),
    context=st.binary(min_size=1, max_size=64),
)
def test_agrees_with_two_other_implementations(
    bits: int, key: bytes, label: bytes, context: bytes
) -> None:
    derived = kdf(key, label, context, bits)
    other = KBKDFHMAC(
        algorithm=SHA256(),
        mode=Mode.CounterMode,
        length=bits // 8,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=label,
        context=context,
        fixed=None,
    )
    assert derived == other.derive(key)
    assert derived == KDF_CounterMode(key, label, context, bits)
