"""The tokens of SPNEGO. [RFC4178] 4.2, [MS-SPNG] 2.2.1

Decoders give a valid object or raise `WireError`, on any bytes.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader

# The object identifier 1.3.6.1.5.5.2, as the contents of its DER encoding.
_SPNEGO = bytes.fromhex("2b0601050502")

_OCTET_STRING = 0x04
_OBJECT_IDENTIFIER = 0x06
_ENUMERATED = 0x0A
_GENERAL_STRING = 0x1B
_SEQUENCE = 0x30
_INITIAL_CONTEXT_TOKEN = 0x60
_INIT = _MECH_TYPES = _NEG_STATE = _HINT_NAME = 0xA0
_RESP = _SUPPORTED_MECH = 0xA1
_TOKEN = 0xA2
_MIC = _NEG_HINTS = 0xA3

_LONG_TAG = 0x1F
_LONG_LENGTH = 0x80
_MAX_LENGTH_BYTES = 4
_HINT = b"not_defined_in_RFC4178@please_ignore"


class NegState(IntEnum):
    """States of the negotiation. [RFC4178] 4.2.2"""

    ACCEPT_COMPLETED = 0
    ACCEPT_INCOMPLETE = 1
    REJECT = 2
    REQUEST_MIC = 3


@dataclass(slots=True)
class NegTokenInit:
    """The initiator's first token, and the acceptor's hint. [RFC4178] 4.2.1, [MS-SPNG] 2.2.1

    `mech_types` are object identifiers in their order of preference, `mech_list` is how they are
    encoded: what the mechListMIC covers.
    """

    mech_types: list[bytes]
    mech_list: bytes
    mech_token: bytes | None

    @classmethod
    def of(cls, mech_types: list[bytes], mech_token: bytes) -> Self:
        """Make an initiator's."""
        return cls(mech_types, _mech_list(mech_types), mech_token)

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Read it, in the InitialContextToken that wraps it. [RFC2743] 3.1."""
        outer = Reader(_only(data, _INITIAL_CONTEXT_TOKEN))
        if _expect(outer, _OBJECT_IDENTIFIER) != _SPNEGO:
            raise WireError("not a token of SPNEGO")
        fields = _fields(_expect(outer, _INIT))
        mech_list = fields.get(_MECH_TYPES, b"")
        mech_types = []
        for tag, content in _elements(_only(mech_list, _SEQUENCE)):
            if tag != _OBJECT_IDENTIFIER:
                raise WireError(f"an element of tag {tag:#x} among SPNEGO's mechanisms")
            mech_types.append(content)
        if not mech_types:
            raise WireError("SPNEGO without a mechanism")
        return cls(mech_types, mech_list, _octets(fields, _TOKEN))

    def encode(self) -> bytes:
        """Encode the token, in the InitialContextToken that wraps it."""
        fields = _tlv(_MECH_TYPES, self.mech_list)
        if self.mech_token is not None:
            fields += _tlv(_TOKEN, _tlv(_OCTET_STRING, self.mech_token))
        return _initial(fields)


@dataclass(slots=True)
class NegTokenResp:
    """Every other token, of either side. [RFC4178] 4.2.2."""

    neg_state: NegState | None = None
    supported_mech: bytes | None = None
    response_token: bytes | None = None
    mech_list_mic: bytes | None = None

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Read it; fields that are not there are None."""
        fields = _fields(_only(data, _RESP))
        return cls(
            _neg_state(fields),
            _only(fields[_SUPPORTED_MECH], _OBJECT_IDENTIFIER)
            if _SUPPORTED_MECH in fields
            else None,
            _octets(fields, _TOKEN),
            _octets(fields, _MIC),
        )

    def encode(self) -> bytes:
        """Encode the token; absent fields are left out."""
        fields = b""
        if self.neg_state is not None:
            fields += _tlv(_NEG_STATE, _tlv(_ENUMERATED, bytes((self.neg_state,))))
        if self.supported_mech is not None:
            fields += _tlv(_SUPPORTED_MECH, _tlv(_OBJECT_IDENTIFIER, self.supported_mech))
        if self.response_token is not None:
            fields += _tlv(_TOKEN, _tlv(_OCTET_STRING, self.response_token))
        if self.mech_list_mic is not None:
            fields += _tlv(_MIC, _tlv(_OCTET_STRING, self.mech_list_mic))
        return _tlv(_RESP, _tlv(_SEQUENCE, fields))


def encode_hint(mech_types: Iterable[bytes]) -> bytes:
    """Encode NegTokenInit2, with which an acceptor offers its mechanisms. [MS-SPNG] 2.2.1."""
    hint_name = _tlv(_HINT_NAME, _tlv(_GENERAL_STRING, _HINT))
    fields = _tlv(_MECH_TYPES, _mech_list(mech_types))
    return _initial(fields + _tlv(_NEG_HINTS, _tlv(_SEQUENCE, hint_name)))


def _mech_list(mech_types: Iterable[bytes]) -> bytes:
    return _tlv(_SEQUENCE, b"".join(_tlv(_OBJECT_IDENTIFIER, oid) for oid in mech_types))


def _initial(fields: bytes) -> bytes:
    """Return an InitialContextToken of SPNEGO. [RFC2743] 3.1."""
    init = _tlv(_INIT, _tlv(_SEQUENCE, fields))
    return _tlv(_INITIAL_CONTEXT_TOKEN, _tlv(_OBJECT_IDENTIFIER, _SPNEGO) + init)


def _neg_state(fields: dict[int, bytes]) -> NegState | None:
    if _NEG_STATE not in fields:
        return None
    content = _only(fields[_NEG_STATE], _ENUMERATED)
    try:
        return NegState(int.from_bytes(content, "big"))
    except ValueError:
        raise WireError(f"SPNEGO has no state {content.hex()}") from None


def _tlv(tag: int, content: bytes) -> bytes:
    """Return one element in DER."""
    size = len(content)
    if size < _LONG_LENGTH:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_LENGTH | len(length))) + length + content


def _element(reader: Reader) -> tuple[int, bytes]:
    tag = reader.u8()
    if tag & _LONG_TAG == _LONG_TAG:
        raise WireError("SPNEGO has no tag of more than one byte")
    length = reader.u8()
    if length & _LONG_LENGTH:
        count = length & ~_LONG_LENGTH
        if not 0 < count <= _MAX_LENGTH_BYTES:
            raise WireError("an element of no length, or too long a one")
        length = int.from_bytes(reader.take(count), "big")
    return tag, bytes(reader.take(length))


def _elements(data: Buffer) -> Iterator[tuple[int, bytes]]:
    reader = Reader(data)
    while reader.remaining:
        yield _element(reader)


def _expect(reader: Reader, expected: int) -> bytes:
    tag, content = _element(reader)
    if tag != expected:
        raise WireError(f"an element of tag {tag:#x} where {expected:#x} must be")
    return content


def _only(data: Buffer, expected: int) -> bytes:
    return _expect(Reader(data), expected)


def _fields(data: Buffer) -> dict[int, bytes]:
    """Return the fields of a sequence by their context tags."""
    return dict(_elements(_only(data, _SEQUENCE)))


def _octets(fields: dict[int, bytes], tag: int) -> bytes | None:
    return _only(fields[tag], _OCTET_STRING) if tag in fields else None
