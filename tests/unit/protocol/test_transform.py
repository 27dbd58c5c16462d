"""The path of a message in both directions, without an end of a connection around it."""

import zlib
from collections.abc import Sequence

import pytest

from smbquic.crypto.keys import derive_session_keys
from smbquic.errors import SecurityError, WireError
from smbquic.protocol import transform
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.protection import Protection
from smbquic.protocol.transform import OutgoingElement
from smbquic.wire.cursor import HEADER_SIZE, Buffer
from smbquic.wire.header import Command, Header
from smbquic.wire.negotiate import Dialect
from smbquic.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbquic.wire.transform import COMPRESSION_PROTOCOL_ID, TRANSFORM_PROTOCOL_ID

SESSION = 7


class Deflate:
    """No algorithm of SMB, but it shows where compression has its place."""

    def compress(self, message: Sequence[Buffer]) -> list[Buffer]:
        return [COMPRESSION_PROTOCOL_ID, zlib.compress(b"".join(message))]

    def decompress(self, message: memoryview) -> memoryview:
        return memoryview(zlib.decompress(message[4:]))


def make_protection(*, server: bool) -> Protection:
    keys = derive_session_keys(
        Dialect.SMB_3_1_1, bytes(16), cipher=Cipher.AES_128_GCM, preauth_hash=bytes(64)
    )
    return Protection.of_session(
        SESSION,
        keys,
        SigningAlgorithm.AES_GMAC,
        Cipher.AES_128_GCM,
        server=server,
        random=bytes,
    )


CLIENT, SERVER = make_protection(server=False), make_protection(server=True)


def agreed(compression: Deflate | None) -> Negotiated:
    return Negotiated(
        dialect=Dialect.SMB_3_1_1,
        signing_algorithm=SigningAlgorithm.AES_GMAC,
        signing_required=True,
        compression=compression,
    )


def find(session_id: int) -> Protection:
    assert session_id == SESSION
    return SERVER


def joined(buffers: Sequence[Buffer]) -> memoryview:
    return memoryview(b"".join(buffers))


def element(
    size: int, *, message_id: int = 1, signing: Protection | None = None
) -> OutgoingElement:
    return OutgoingElement(Header(Command.ECHO, message_id), [b"b" * size], signing)


def test_a_payload_is_passed_on_as_the_buffer_that_it_is() -> None:
    payload = memoryview(bytes(100))
    outgoing = OutgoingElement(Header(Command.READ), [b"fixed", payload], CLIENT)
    assert transform.send([outgoing], None)[2] is payload


def test_what_is_received_is_not_copied() -> None:
    message = joined(transform.send([element(100)], None))
    elements, encrypted_with = transform.receive(message, find, None)
    [(_, raw)] = elements
    assert raw.obj is message.obj
    assert encrypted_with is None


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("compression", [None, Deflate()])
def test_what_is_sent_is_received(encrypted: bool, compression: Deflate | None) -> None:
    outgoing = [element(size, message_id=size, signing=CLIENT) for size in (1, 8, 13)]
    message = joined(transform.send(outgoing, CLIENT if encrypted else None, compression))
    elements, encrypted_with = transform.receive(message, find, agreed(compression))
    received = list(elements)
    assert [header.message_id for header, _ in received] == [1, 8, 13]
    assert all(SERVER.verify(raw, header) for header, raw in received)
    assert encrypted_with is (SERVER if encrypted else None)


def test_it_is_compressed_before_it_is_encrypted() -> None:
    message = joined(transform.send([element(1000)], CLIENT, Deflate()))
    assert message[:4] == TRANSFORM_PROTOCOL_ID
    assert len(message) < 500
    assert SERVER.decrypt(message)[:4] == COMPRESSION_PROTOCOL_ID


@pytest.mark.parametrize(("pad_last", "size"), [(False, 3), (True, 8)])
def test_elements_begin_at_multiples_of_eight_bytes(pad_last: bool, size: int) -> None:
    outgoing = [element(3), element(16), element(3)]
    message = joined(transform.send(outgoing, None, pad_last=pad_last))
    elements, _ = transform.receive(message, find, None)
    sizes = [(header.next_command, len(raw)) for header, raw in elements]
    assert sizes == [(72, 72), (80, 80), (0, HEADER_SIZE + size)]


def test_one_element_is_not_padded() -> None:
    assert len(joined(transform.send([element(3)], None, pad_last=True))) == HEADER_SIZE + 3


def test_an_element_without_a_key_is_not_signed() -> None:
    assert not Header.decode(joined(transform.send([element(3)], None))).is_signed


@pytest.mark.parametrize("start", [b"", b"\xfeSM", b"\xffSMB", b"GET ", COMPRESSION_PROTOCOL_ID])
def test_what_is_no_message(start: bytes) -> None:
    with pytest.raises(WireError, match="starts with"):
        transform.receive(memoryview(start), find, None)


def test_what_is_no_message_inside_of_what_is_encrypted() -> None:
    message = joined(CLIENT.encrypt([TRANSFORM_PROTOCOL_ID + bytes(100)]))
    with pytest.raises(WireError, match="starts with fd534d42"):
        transform.receive(message, find, None)


def test_a_changed_byte_of_what_is_encrypted() -> None:
    message = bytearray(joined(transform.send([element(3)], CLIENT)))
    message[-1] ^= 1
    with pytest.raises(SecurityError, match="does not verify"):
        transform.receive(memoryview(message), find, None)
