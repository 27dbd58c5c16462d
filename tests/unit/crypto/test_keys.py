from collections.abc import Callable
from functools import partial

import pytest
from smbprotocol.session import Session  # type: ignore[import-untyped]

from smbquic.crypto.keys import derive_channel_signing_key, derive_session_keys
from smbquic.errors import LocalProtocolError
from smbquic.wire.negotiate import Dialect
from smbquic.wire.negotiate_contexts import Cipher
from tests.unit.crypto.sessions import Exchange

SESSION_KEY = bytes.fromhex("7CD451825D0450D235424E44BA6E78CC")
PREAUTH_HASH = bytes(range(64))


@pytest.mark.parametrize("dialect", [Dialect.SMB_2_0_2, Dialect.SMB_2_1])
@pytest.mark.parametrize(
    ("session_key", "expected"),
    [
        (SESSION_KEY, SESSION_KEY),
        (SESSION_KEY + b"longer", SESSION_KEY),
    ],
    ids=["whole", "long"],
)
def test_smb_2_signs_with_sixteen_bytes_of_the_session_key(
    dialect: Dialect, session_key: bytes, expected: bytes
) -> None:
    keys = derive_session_keys(dialect, session_key, cipher=None, preauth_hash=None)
    assert (keys.signing, keys.application) == (expected, expected)
    assert (keys.encryption, keys.decryption) == (b"", b"")


@pytest.mark.parametrize("dialect", [Dialect.SMB_3_0, Dialect.SMB_3_0_2])
def test_smb_3_0_matches_microsofts_example(dialect: Dialect) -> None:
    keys = derive_session_keys(
        dialect, SESSION_KEY, cipher=Cipher.AES_128_CCM, preauth_hash=PREAUTH_HASH
    )
    assert keys.signing.hex().upper() == "0B7E9C5CAC36C0F6EA9AB275298CEDCE"
    assert keys.application.hex().upper() == "BB23A4575AA26C721AF525AF15A87B4F"
    assert keys.encryption.hex().upper() == "FAD27796665B313EBB578F388632B4F7"
    assert keys.decryption.hex().upper() == "B0F0427F7CEB416D1D9DCC0CD4F99447"


def test_smb_3_0_matches_the_encryption_example() -> None:
    session_key = bytes.fromhex("B4546771B515F766A86735532DD6C4F0")
    keys = derive_session_keys(
        Dialect.SMB_3_0, session_key, cipher=Cipher.AES_128_CCM, preauth_hash=None
    )
    assert keys.encryption.hex().upper() == "261B72350558F2E9DCF613070383EDBF"
    assert keys.decryption.hex().upper() == "8FE2B57EC34D2DB5B1A9727F526BBDB5"


def test_smb_3_1_1_matches_microsofts_example(exchange: Exchange) -> None:
    keys = derive_session_keys(
        Dialect.SMB_3_1_1,
        exchange.session_key,
        cipher=Cipher.AES_128_GCM,
        preauth_hash=exchange.steps[-1][1],
    )
    assert keys.signing == exchange.signing_key
    assert keys.application == exchange.application_key
    assert keys.encryption == exchange.encryption_key
    assert keys.decryption == exchange.decryption_key


def test_channel_keys_match_microsofts_examples() -> None:
    smb_3_0 = derive_channel_signing_key(
        Dialect.SMB_3_0,
        bytes.fromhex("4E01A2B313BCF660CC250BEF021AEDE6"),
        preauth_hash=None,
    )
    assert smb_3_0.hex().upper() == "BA1A17DBBFEC349BCA105563D598952F"
    smb_3_1_1 = derive_channel_signing_key(
        Dialect.SMB_3_1_1,
        bytes.fromhex("84B9DBB730116A8FA6E9889555C265F9"),
        preauth_hash=bytes.fromhex(
            "EA3BF912B11CBFEC5B1889E8209614218687F82FA5294521AD3063425E49E88A"
            "10BD022124CE25123BC9111F52D9566BA88BF46344E6063DC5E3FF0389026F6C"
        ),
    )
    assert smb_3_1_1.hex().upper() == "C962BCA1A9DD1697B030644199705431"


@pytest.mark.parametrize("cipher", list(Cipher))
@pytest.mark.parametrize("session_key", [SESSION_KEY, bytes(range(32))], ids=["16", "32"])
def test_agrees_with_smbprotocol(cipher: Cipher, session_key: bytes) -> None:
    """A 32-byte session key is what Kerberos with AES-256 gives: only wide ciphers use it all."""
    other: Callable[..., bytes] = partial(Session._smb3kdf, None)
    wide = cipher in (Cipher.AES_256_CCM, Cipher.AES_256_GCM)
    source, length = (session_key, 32) if wide else (session_key[:16], 16)
    keys = derive_session_keys(
        Dialect.SMB_3_1_1, session_key, cipher=cipher, preauth_hash=PREAUTH_HASH
    )

    short = session_key[:16]
    assert keys.signing == other(short, b"SMBSigningKey\x00", PREAUTH_HASH)
    assert keys.application == other(short, b"SMBAppKey\x00", PREAUTH_HASH)
    assert keys.encryption == other(source, b"SMBC2SCipherKey\x00", PREAUTH_HASH, length=length)
    assert keys.decryption == other(source, b"SMBS2CCipherKey\x00", PREAUTH_HASH, length=length)


def test_no_cipher_means_no_cipher_keys() -> None:
    keys = derive_session_keys(
        Dialect.SMB_3_1_1, SESSION_KEY, cipher=None, preauth_hash=PREAUTH_HASH
    )
    assert (keys.encryption, keys.decryption) == (b"", b"")
    assert len(keys.signing) == 16


def test_smb_3_1_1_needs_the_preauthentication_hash() -> None:
    with pytest.raises(LocalProtocolError, match="preauthentication hash"):
        derive_session_keys(Dialect.SMB_3_1_1, SESSION_KEY, cipher=None, preauth_hash=None)
    with pytest.raises(LocalProtocolError, match="preauthentication hash"):
        derive_channel_signing_key(Dialect.SMB_3_1_1, SESSION_KEY, preauth_hash=None)


def test_smb_2_has_no_channels() -> None:
    with pytest.raises(LocalProtocolError, match="channels"):
        derive_channel_signing_key(Dialect.SMB_2_1, SESSION_KEY, preauth_hash=None)


def test_the_repr_shows_no_key() -> None:
    keys = derive_session_keys(
        Dialect.SMB_3_0, SESSION_KEY, cipher=Cipher.AES_128_CCM, preauth_hash=None
    )
    assert repr(keys) == "SessionKeys()"
