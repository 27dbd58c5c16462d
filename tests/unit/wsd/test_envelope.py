"""Envelopes of strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.wsd.envelope import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_FIELD,
    MAX_MESSAGE,
    EnvelopeError,
    parse_envelope,
)
from tests.unit.wsd.clients import SPACES, message, probe, resolve


def test_a_probe() -> None:
    found = parse_envelope(probe(" p:Device\n w:Computer ", "urn:uuid:1"))
    assert found.action == f"{SPACES['d']}/Probe"
    assert found.message_id == "urn:uuid:1"
    assert found.types == {(SPACES["p"], "Device"), (SPACES["w"], "Computer")}
    assert (found.scopes, found.endpoint) == ("", "")


def test_prefixes_mean_what_they_do_at_their_place() -> None:
    inner = '<d:Types xmlns:p="urn:other" xmlns="urn:default">p:Device Printer q:None</d:Types>'
    sent = message("Probe", f"<d:Probe>{inner}</d:Probe>")
    expected = {("urn:other", "Device"), ("urn:default", "Printer"), ("", "None")}
    assert parse_envelope(sent).types == expected


def test_a_resolve_and_scopes() -> None:
    assert parse_envelope(resolve(" urn:uuid:2 ")).endpoint == "urn:uuid:2"
    sent = probe(more="<d:Scopes>urn:here</d:Scopes>")
    assert parse_envelope(sent).scopes == "urn:here"


def test_comments_and_references_to_characters_are_text() -> None:
    assert parse_envelope(probe(message_id="urn:<!-- no -->&#49;&amp;")).message_id == "urn:1&"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-7", "no-encoding"])
def test_a_message_chooses_no_codec(encoding: str) -> None:
    sent = probe(message_id="urn:+AG4-é").replace(b'"utf-8"', f'"{encoding}"'.encode(), 1)
    assert parse_envelope(sent).message_id == "urn:+AG4-é"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\xff\xfe",
        b"no XML",
        b"<a>",
        b"<a/>",
        b"\x00" * 100,
        message("", ""),
        message("Probe", "", ""),
        message("Probe", "<y:no/>"),
        message("Probe", "&other;"),
        probe(more="<d:Types>p:Device</d:Types>"),
        probe().replace(b"?>", b"?><!DOCTYPE s:Envelope>", 1),
        probe().replace(b"?>", b'?><!DOCTYPE e [<!ENTITY a "b">]>', 1),
        probe().replace(b"?>", b'?><!DOCTYPE e SYSTEM "file:///etc/passwd">', 1),
    ],
)
def test_what_is_no_request(sent: bytes) -> None:
    with pytest.raises(EnvelopeError):
        parse_envelope(sent)


def test_a_message_is_not_longer_than_allowed() -> None:
    sent = probe()
    longest = sent + b" " * (MAX_MESSAGE - len(sent))
    assert parse_envelope(longest).types
    with pytest.raises(EnvelopeError, match="8193 bytes"):
        parse_envelope(longest + b" ")


def test_there_are_not_more_elements_than_allowed() -> None:
    # Envelope, Header with three, Body.
    rest = MAX_ELEMENTS - 6
    assert parse_envelope(message("Probe", "<x/>" * rest))
    with pytest.raises(EnvelopeError, match="too many elements"):
        parse_envelope(message("Probe", "<x/>" * (rest + 1)))


def test_elements_are_not_deeper_than_allowed() -> None:
    rest = MAX_DEPTH - 2
    assert parse_envelope(message("Probe", "<x>" * rest + "</x>" * rest))
    with pytest.raises(EnvelopeError, match="too many elements"):
        parse_envelope(message("Probe", "<x>" * (rest + 1) + "</x>" * (rest + 1)))


def test_a_field_is_not_longer_than_allowed() -> None:
    assert parse_envelope(probe(message_id="x" * MAX_FIELD))
    for sent in (
        probe(message_id="x" * (MAX_FIELD + 1)),
        message("x" * (MAX_FIELD + 1), ""),
        resolve("x" * (MAX_FIELD + 1)),
    ):
        with pytest.raises(EnvelopeError, match="too long"):
            parse_envelope(sent)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_envelope_or_refused(sent: bytes) -> None:
    with pytest.raises(EnvelopeError):
        parse_envelope(sent)


@given(st.data())
def test_any_change_of_a_message_is_an_envelope_or_refused(data: st.DataObject) -> None:
    sent = bytearray(probe(more="<d:Scopes>urn:here</d:Scopes>"))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(sent) - 1))
        sent[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
        if not sent:
            break
    try:
        found = parse_envelope(bytes(sent))
    except EnvelopeError:
        return
    assert 0 < len(found.message_id) <= MAX_FIELD
