"""A real NTLM logon inside SPNEGO, published with its password and every key.

Source (facts, hexadecimal): Microsoft Open Specifications blog, "SMB 2 and SMB 3 security in
Windows 10: the anatomy of signing and cryptographic keys" (2017), the first channel of its SMB
3.1.1 example and its NTLMv2 session key calculation.
"""

from dataclasses import dataclass

import pytest

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.users import UserStore


@dataclass(frozen=True)
class Logon:
    """The four tokens between Windows and Windows, and what they are made of."""

    init: bytes
    challenge: bytes
    authenticate: bytes
    complete: bytes
    user: str
    domain: str
    password: str
    nt_hash: bytes
    response_key: bytes
    server_challenge: bytes
    nt_proof: bytes
    session_base_key: bytes
    session_key: bytes


def _bytes(*lines: str) -> bytes:
    return bytes.fromhex("".join(lines))


@pytest.fixture
def logon() -> Logon:
    return Logon(
        init=_bytes(
            "604806062B0601050502A03E303CA00E300C060A2B06010401823702020AA22A04284E544C4D53535000",
            "01000000978208E200000000000000000000000000000000060380250000000F",
        ),
        challenge=_bytes(
            "A181B03081ADA0030A0101A10C060A2B06010401823702020AA281970481944E544C4D53535000020000",
            "000C000C003800000015828AE20D1D8BA31179D008000000000000000050005000440000000A00922700",
            "00000F53005500540033003100310002000C0053005500540033003100310001000C0053005500540033",
            "003100310004000C0053005500540033003100310003000C0053005500540033003100310007000800A1",
            "A1F5ADCBAED00100000000",
        ),
        authenticate=_bytes(
            "A18201CB308201C7A0030A0101A28201AA048201A64E544C4D53535000030000001800180090000000EE",
            "00EE00A80000000C000C00580000001A001A0064000000120012007E0000001000100096010000158288",
            "E2060380250000000FECAC77A5F385A8BF9C38C706EEEDDCD3530055005400330031003100610064006D",
            "0069006E006900730074007200610074006F007200440052004900560045005200330031003100000000",
            "00000000000000000000000000000000000000000063078EB639FE03E20A231C3AE3BF23080101000000",
            "000000A1A1F5ADCBAED001BC4AD05F223CC90F0000000002000C0053005500540033003100310001000C",
            "0053005500540033003100310004000C0053005500540033003100310003000C00530055005400330031",
            "00310007000800A1A1F5ADCBAED001060004000200000008003000300000000000000000000000003000",
            "00B61FEFCAA857EA57BF1EDCEBF8974B8E0EBA5A6DFD9D07A31D11B548F8C9D0CC0A0010000000000000",
            "00000000000000000000000900160063006900660073002F005300550054003300310031000000000000",
            "000000000000003B9BDFF38F5EE8F9663F11A0F4C03A78A31204100100000063775A9A5FD97F06000000",
            "00",
        ),
        complete=_bytes("A11B3019A0030A0100A3120410010000003B453CDC3524164200000000"),
        user="administrator",
        domain="SUT311",
        password="Password01!",
        nt_hash=_bytes("7C4FE5EADA682714A036E39378362BAB"),
        response_key=_bytes("AEE3959B44A815F1EB28C9511B4F533B"),
        server_challenge=_bytes("0D1D8BA31179D008"),
        nt_proof=_bytes("63078EB639FE03E20A231C3AE3BF2308"),
        session_base_key=_bytes("B4CF22566926B1C069ACD80E4D73C814"),
        session_key=_bytes("270E1BA896585EEB7AF3472D3B4C75A7"),
    )


@pytest.fixture
def users() -> UserStore:
    store = UserStore()
    store.add("Alice", "Pässword1")
    return store


@pytest.fixture
def authenticator(users: UserStore) -> Authenticator:
    return Authenticator([NtlmMechanism(users, server_name="fs.example.org", domain="WORK")])
