"""What a server says."""

import pytest

from smbquic.wsd.messages import WsdMessages, endpoint_of
from tests.unit.wsd.clients import SPACES, action_of, find

URL = "http://192.0.2.1:5357/there?a&b"


@pytest.fixture
def messages() -> WsdMessages:
    return WsdMessages("FS<1>", 7)


def test_the_endpoint_is_the_same_after_a_restart() -> None:
    assert endpoint_of("FS") == endpoint_of("fs") != endpoint_of("other")
    assert WsdMessages("fs", 1).endpoint == f"urn:uuid:{endpoint_of('fs')}"


def test_hello(messages: WsdMessages) -> None:
    hello = messages.hello(URL)
    assert action_of(hello) == "Hello"
    assert find(hello, "s:Header/a:To") == "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
    place = "s:Body/d:Hello/"
    assert find(hello, f"{place}a:EndpointReference/a:Address") == messages.endpoint
    assert find(hello, f"{place}d:Types") == "wsdp:Device pub:Computer"
    assert find(hello, f"{place}d:XAddrs") == URL
    assert find(hello, f"{place}d:MetadataVersion") == "1"
    assert b"RelatesTo" not in hello


def test_bye(messages: WsdMessages) -> None:
    bye = messages.bye()
    assert action_of(bye) == "Bye"
    assert find(bye, "s:Body/d:Bye/a:EndpointReference/a:Address") == messages.endpoint


def test_messages_are_numbered_and_have_ids(messages: WsdMessages) -> None:
    first, second = messages.hello(URL), messages.bye()
    assert b'InstanceId="7" MessageNumber="1"' in first
    assert b'InstanceId="7" MessageNumber="2"' in second
    ids = {find(each, "s:Header/a:MessageID") for each in (first, second)}
    assert len(ids) == 2
    assert all(each.startswith("urn:uuid:") for each in ids)


def test_matches(messages: WsdMessages) -> None:
    matches = messages.probe_matches("id <&>")
    assert action_of(matches) == "ProbeMatches"
    assert find(matches, "s:Header/a:RelatesTo") == "id <&>"
    assert find(matches, "s:Header/a:To") == f"{SPACES['a']}/role/anonymous"
    place = "s:Body/d:ProbeMatches/d:ProbeMatch/"
    assert find(matches, f"{place}a:EndpointReference/a:Address") == messages.endpoint
    assert find(matches, f"{place}d:Types") == "wsdp:Device pub:Computer"
    assert find(matches, f"{place}d:MetadataVersion") == "1"
    matches = messages.resolve_matches("id", URL)
    assert action_of(matches) == "ResolveMatches"
    assert find(matches, "s:Body/d:ResolveMatches/d:ResolveMatch/d:XAddrs") == URL


def test_metadata(messages: WsdMessages) -> None:
    answer = messages.metadata("id")
    assert action_of(answer) == "GetResponse"
    assert find(answer, "s:Header/a:RelatesTo") == "id"
    section = "s:Body/x:Metadata/x:MetadataSection[@Dialect='{}/{}']/"
    device = section.format(SPACES["p"], "ThisDevice")
    assert find(answer, f"{device}p:ThisDevice/p:FriendlyName") == "FS<1>"
    model = section.format(SPACES["p"], "ThisModel")
    assert find(answer, f"{model}p:ThisModel/p:ModelName") == "smbquic"
    host = section.format(SPACES["p"], "Relationship")
    host += f"p:Relationship[@Type='{SPACES['p']}/host']/p:Host/"
    assert find(answer, f"{host}p:Types") == "pub:Computer"
    assert find(answer, f"{host}p:ServiceId") == messages.endpoint
    assert find(answer, f"{host}w:Computer") == "FS<1>/Workgroup:WORKGROUP"
