"""The messages of NTLM, as much of them as NTLMv2 in SPNEGO needs. [MS-NLMP] 2.2

Decoders give a valid object or raise `WireError`, on any bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader, text, unpack, utf16
from smbquic.wire.flags import Flags

NTLMSSP = bytes.fromhex("2b06010401823702020a")
"""The object identifier 1.3.6.1.4.1.311.2.2.10: NTLM within SPNEGO."""
SIGNATURE = b"NTLMSSP\x00"
"""The first eight bytes of every NTLM message."""

CHALLENGE_SIZE = 8

_VERSION = bytes((6, 1, 0, 0, 0, 0, 0, 15))
"""VERSION: the product does not matter; NTLMSSP_REVISION_W2K3 does. [MS-NLMP] 2.2.2.10"""
_START = Struct("<8sI")
_FIELD = Struct("<HHI")  # Len, MaxLen, BufferOffset
_AV_PAIR = Struct("<HH")
_AV_FLAGS = Struct("<I")


class NegotiateFlags(Flags):
    """NEGOTIATE. [MS-NLMP] 2.2.2.5; the names without NTLMSSP_ and NEGOTIATE_."""

    UNICODE = 0x00000001
    OEM = 0x00000002
    REQUEST_TARGET = 0x00000004
    SIGN = 0x00000010
    SEAL = 0x00000020
    DATAGRAM = 0x00000040
    LM_KEY = 0x00000080
    NTLM = 0x00000200
    ANONYMOUS = 0x00000800
    ALWAYS_SIGN = 0x00008000
    TARGET_TYPE_DOMAIN = 0x00010000
    TARGET_TYPE_SERVER = 0x00020000
    EXTENDED_SESSIONSECURITY = 0x00080000
    TARGET_INFO = 0x00800000
    VERSION = 0x02000000
    KEY_128 = 0x20000000
    KEY_EXCH = 0x40000000
    KEY_56 = 0x80000000


class AvId(IntEnum):
    """Kinds of AV_PAIR, without the MsvAv prefix. [MS-NLMP] 2.2.2.1"""

    EOL = 0
    NB_COMPUTER_NAME = 1
    NB_DOMAIN_NAME = 2
    DNS_COMPUTER_NAME = 3
    DNS_DOMAIN_NAME = 4
    FLAGS = 6
    TIMESTAMP = 7
    TARGET_NAME = 9
    CHANNEL_BINDINGS = 10


class AvFlags(Flags):
    """Flags of the AV_PAIR MsvAvFlags. [MS-NLMP] 2.2.2.1"""

    MIC_PROVIDED = 0x2


def encode_av_pairs(pairs: Iterable[tuple[int, bytes]]) -> bytes:
    """Encode AV_PAIRs and the MsvAvEOL that ends them. [MS-NLMP] 2.2.2.1."""
    encoded = [_AV_PAIR.pack(av_id, len(value)) + value for av_id, value in pairs]
    return b"".join((*encoded, _AV_PAIR.pack(AvId.EOL, 0)))


def decode_av_pairs(data: Buffer) -> dict[int, bytes]:
    """Decode AV_PAIRs up to MsvAvEOL; the first one of an id counts. Raises `WireError`."""
    reader = Reader(data)
    pairs: dict[int, bytes] = {}
    while True:
        av_id, length = reader.unpack(_AV_PAIR)
        if av_id == AvId.EOL:
            return pairs
        pairs.setdefault(av_id, bytes(reader.take(length)))


@dataclass(slots=True)
class NegotiateMessage:
    """NEGOTIATE_MESSAGE: what the client can do. [MS-NLMP] 2.2.1.1."""

    TYPE: ClassVar = 1
    _FIXED: ClassVar = Struct("<8sII")
    _NO_NAMES: ClassVar = bytes(2 * _FIELD.size)

    flags: NegotiateFlags

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Read it; the names it may carry say nothing that a server needs."""
        _check_type(data, cls.TYPE)
        _, _, flags = unpack(cls._FIXED, data)
        return cls(NegotiateFlags(flags))

    def encode(self) -> bytes:
        """Encode the message, without names."""
        fixed = self._FIXED.pack(SIGNATURE, self.TYPE, self.flags)
        return b"".join((fixed, self._NO_NAMES, _version(self.flags)))


@dataclass(slots=True)
class ChallengeMessage:
    """CHALLENGE_MESSAGE: what the server picked, and its challenge. [MS-NLMP] 2.2.1.2."""

    TYPE: ClassVar = 2
    # Some servers leave out the VERSION behind it.
    _FIXED: ClassVar = Struct("<8sI8sI8s8x8s")

    flags: NegotiateFlags
    server_challenge: bytes
    target_name: str
    target_info: bytes

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Read it. The server's name must be UTF-16, all that our first message allows."""
        raw = bytes(data)
        _check_type(raw, cls.TYPE)
        _, _, name, flags, challenge, info = unpack(cls._FIXED, raw)
        target_name = text(_payload(raw, name))
        return cls(NegotiateFlags(flags), challenge, target_name, _payload(raw, info))

    def encode(self) -> bytes:
        """Encode the message."""
        version = _version(self.flags)
        start = self._FIXED.size + len(version)
        name, info, payload = _fields(start, utf16(self.target_name), self.target_info)
        fixed = self._FIXED.pack(
            SIGNATURE, self.TYPE, name, self.flags, self.server_challenge, info
        )
        return b"".join((fixed, version, payload))


@dataclass(slots=True)
class AuthenticateMessage:
    """AUTHENTICATE_MESSAGE: who the client is, and its proof. [MS-NLMP] 2.2.1.3.

    `raw` is the message as it came. The name of the client's machine is not read.
    """

    TYPE: ClassVar = 3
    _FIXED: ClassVar = Struct("<8sI8s8s8s8s8s8sI")
    _MIC: ClassVar = slice(72, 88)

    flags: NegotiateFlags
    domain_name: str
    user_name: str
    lm_challenge_response: bytes = field(repr=False)
    nt_challenge_response: bytes = field(repr=False)
    encrypted_random_session_key: bytes = field(repr=False)
    workstation: str = field(default="", repr=False)
    raw: bytes = field(default=b"", repr=False, compare=False)

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Read it. Names must be UTF-16, all that our challenge allows, and fit to be shown."""
        raw = bytes(data)
        _check_type(raw, cls.TYPE)
        _, _, lm_response, nt_response, domain, user, _, key, flags = unpack(cls._FIXED, raw)
        domain_name, user_name = text(_payload(raw, domain)), text(_payload(raw, user))
        if not (domain_name + user_name).isprintable():
            raise WireError("a name in an NTLM message holds control characters")
        return cls(
            flags=NegotiateFlags(flags),
            domain_name=domain_name,
            user_name=user_name,
            lm_challenge_response=_payload(raw, lm_response),
            nt_challenge_response=_payload(raw, nt_response),
            encrypted_random_session_key=_payload(raw, key),
            raw=raw,
        )

    def encode(self) -> bytes:
        """Encode the message with a MIC field of zeros."""
        *fields, payload = _fields(
            self._MIC.stop,
            self.lm_challenge_response,
            self.nt_challenge_response,
            utf16(self.domain_name),
            utf16(self.user_name),
            utf16(self.workstation),
            self.encrypted_random_session_key,
        )
        fixed = self._FIXED.pack(SIGNATURE, self.TYPE, *fields, self.flags)
        return b"".join((fixed, _version(self.flags), bytes(16), payload))

    @classmethod
    def with_mic(cls, encoded: bytes, mic: bytes) -> bytes:
        """Return an encoded message with this MIC (16 bytes)."""
        return b"".join((encoded[: cls._MIC.start], mic, encoded[cls._MIC.stop :]))

    @property
    def mic(self) -> bytes:
        """The MIC field: 16 bytes, or fewer if the message ends before. Only if promised."""
        return self.raw[self._MIC]

    @property
    def without_mic(self) -> bytes:
        """The message with a MIC field of zeros, as the MIC is computed."""
        return self.with_mic(self.raw, bytes(16))


@dataclass(slots=True)
class ClientChallenge:
    """NTLMv2_CLIENT_CHALLENGE: the second part of an NTLMv2 response. [MS-NLMP] 2.2.2.7.

    `target_name` and `channel_bindings` are empty where the client says nothing of them.
    """

    FIXED: ClassVar = Struct("<BB6x8s8s4x")
    VERSIONS: ClassVar = (1, 1)

    av_flags: AvFlags
    target_name: str = ""
    channel_bindings: bytes = b""

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Read it; the server's own challenge is what keeps a response from being used again."""
        kind, highest, *_ = unpack(cls.FIXED, data)
        if (kind, highest) != cls.VERSIONS:
            raise WireError(f"an NTLM response of type {kind}, {highest}")
        pairs = decode_av_pairs(memoryview(data)[cls.FIXED.size :])
        (flags,) = unpack(_AV_FLAGS, pairs.get(AvId.FLAGS, bytes(4)))
        target_name = text(pairs.get(AvId.TARGET_NAME, b""))
        if not target_name.isprintable():
            raise WireError("the name of a server in an NTLM message holds control characters")
        return cls(AvFlags(flags), target_name, pairs.get(AvId.CHANNEL_BINDINGS, b""))


def encode_client_challenge(
    timestamp: bytes, challenge: bytes, pairs: Mapping[int, bytes]
) -> bytes:
    """Encode NTLMv2_CLIENT_CHALLENGE, and the four zeros that [MS-NLMP] 3.3.2 adds to it.

    `timestamp` is the bytes of a FILETIME, `challenge` has `CHALLENGE_SIZE` bytes.
    """
    fixed = ClientChallenge.FIXED.pack(*ClientChallenge.VERSIONS, timestamp, challenge)
    return b"".join((fixed, encode_av_pairs(pairs.items()), bytes(4)))


def _version(flags: NegotiateFlags) -> bytes:
    return _VERSION if flags & NegotiateFlags.VERSION else bytes(8)


def _fields(start: int, *values: bytes) -> list[bytes]:
    """Return the descriptor of each field of variable size, and last the payload of all.

    The payload begins at `start`.
    """
    fields = []
    for value in values:
        fields.append(_FIELD.pack(len(value), len(value), start))
        start += len(value)
    return [*fields, b"".join(values)]


def _check_type(data: Buffer, expected: int) -> None:
    signature, kind = unpack(_START, data)
    if signature != SIGNATURE or kind != expected:
        raise WireError(f"not the NTLM message of type {expected}")


def _payload(message: bytes, descriptor: bytes) -> bytes:
    length, _, offset = _FIELD.unpack(descriptor)
    if length and offset + length > len(message):
        raise WireError("a field of an NTLM message ends past it")
    return message[offset : offset + length] if length else b""
