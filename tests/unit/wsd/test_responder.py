"""Which messages are answered."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.wsd.messages import WsdMessages
from smbquic.wsd.responder import ANSWER_RATE, MAX_FACTOR, MAX_IDS, READ_RATE, WsdResponder
from tests.unit.clock import Clock
from tests.unit.wsd.clients import action_of, find, get, message, probe, resolve

URL = "http://192.0.2.1:5357/there"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def responder(clock: Clock) -> WsdResponder:
    return WsdResponder(WsdMessages("FS", 1), clock)


@pytest.mark.parametrize("types", ["p:Device", "w:Computer", "p:Device w:Computer", ""])
def test_a_probe_for_servers_is_answered(responder: WsdResponder, types: str) -> None:
    answer = responder.answer_datagram(probe(types, "urn:1"), URL)
    assert answer is not None
    assert action_of(answer) == "ProbeMatches"
    assert find(answer, "s:Header/a:RelatesTo") == "urn:1"


def test_a_resolve_of_the_server_is_answered(responder: WsdResponder) -> None:
    answer = responder.answer_datagram(resolve(responder.messages.endpoint), URL)
    assert answer is not None
    assert find(answer, "s:Body/d:ResolveMatches/d:ResolveMatch/d:XAddrs") == URL


@pytest.mark.parametrize(
    "sent",
    [
        probe("w:Device"),
        probe("p:Device p:Printer"),
        probe("unknown:Device"),
        probe(more="<d:Scopes>urn:here</d:Scopes>"),
        resolve(uuid4().urn),
        message("Resolve", ""),
        message("Hello", ""),
        get(),
        WsdMessages("other", 1).hello(URL),
        WsdMessages("other", 1).probe_matches("urn:1"),
        b"",
    ],
)
def test_what_is_not_answered(responder: WsdResponder, sent: bytes) -> None:
    assert responder.answer_datagram(sent, URL) is None


def test_only_a_get_is_answered_with_the_metadata(responder: WsdResponder) -> None:
    answer = responder.answer_get(get())
    assert answer is not None
    assert action_of(answer) == "GetResponse"
    assert responder.answer_get(probe()) is None
    assert responder.answer_get(b"") is None


def test_a_message_that_comes_twice_is_answered_once(responder: WsdResponder) -> None:
    sent = probe()
    assert responder.answer_datagram(sent, URL)
    assert responder.answer_datagram(sent, URL) is None


def test_only_so_many_ids_are_kept(responder: WsdResponder, clock: Clock) -> None:
    first, *others = (probe(message_id=f"urn:{number}") for number in range(MAX_IDS + 1))
    assert responder.answer_datagram(first, URL)
    for each in others[:-1]:
        clock.now += 1
        assert responder.answer_datagram(each, URL)
    assert responder.answer_datagram(first, URL) is None
    assert responder.answer_datagram(others[-1], URL)
    assert len(responder._answered) == MAX_IDS
    assert responder.answer_datagram(first, URL)


def test_answers_are_limited_in_rate(responder: WsdResponder, clock: Clock) -> None:
    def answered() -> int:
        found = [responder.answer_datagram(probe(), URL) for _ in range(100)]
        return sum(each is not None for each in found)

    assert answered() == ANSWER_RATE
    clock.now += 0.5
    assert answered() == ANSWER_RATE / 2
    assert responder.answer_get(get()) is None
    # What is saved up has a bound, too.
    clock.now += 1000
    assert answered() == ANSWER_RATE


def test_reading_is_limited_in_rate(responder: WsdResponder, clock: Clock) -> None:
    for _ in range(int(READ_RATE)):
        responder.answer_datagram(b"", URL)
    assert responder.answer_datagram(probe(), URL) is None
    assert responder.answer_get(get()) is None
    clock.now += 1.5 / READ_RATE
    assert responder.answer_datagram(probe(), URL)


def test_what_is_not_answered_costs_no_answer(responder: WsdResponder) -> None:
    for _ in range(50):
        responder.answer_datagram(probe("p:Printer"), URL)
    assert responder.answer_datagram(probe(), URL)


def test_an_answer_is_not_much_longer_than_its_request(responder: WsdResponder) -> None:
    shortest = (
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        b' xmlns="http://schemas.xmlsoap.org/ws/2004/08/addressing"><s:Header>'
        b"<Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</Action>"
        b"<MessageID>1</MessageID></s:Header></s:Envelope>"
    )
    assert responder.answer_datagram(shortest, URL) is None
    padded = shortest.replace(b">1<", b">2<") + b" " * 200
    answer = responder.answer_datagram(padded, URL)
    assert answer is not None
    assert len(shortest) * MAX_FACTOR < len(answer) <= len(padded) * MAX_FACTOR


@given(st.data())
def test_no_datagram_does_harm(data: st.DataObject) -> None:
    responder = WsdResponder(WsdMessages("FS", 1), Clock())
    part = st.sampled_from([probe(), resolve(responder.messages.endpoint), get(), b"&#1;<!"])
    sent = b"".join(data.draw(st.lists(st.one_of(st.binary(max_size=40), part), max_size=3)))
    answer = responder.answer_datagram(sent, URL)
    assert answer is None or len(answer) <= MAX_FACTOR * len(sent)
    responder.answer_get(sent)
