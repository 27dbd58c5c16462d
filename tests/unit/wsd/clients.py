"""Messages of a client of WS-Discovery, and what it finds in the answers."""

from uuid import uuid4
from xml.etree import ElementTree

SPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "d": "http://schemas.xmlsoap.org/ws/2005/04/discovery",
    "p": "http://schemas.xmlsoap.org/ws/2006/02/devprof",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/mex",
    "w": "http://schemas.microsoft.com/windows/pub/2005/07",
}
_ACTIONS = {
    "Probe": f"{SPACES['d']}/Probe",
    "Resolve": f"{SPACES['d']}/Resolve",
    "Get": "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get",
}


def message(action: str, body: str, message_id: str | None = None) -> bytes:
    """Return a request; without an id it gets one of its own."""
    names = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in SPACES.items())
    identifier = uuid4().urn if message_id is None else message_id
    header = (
        "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
        f"<a:Action>{_ACTIONS.get(action, action)}</a:Action>"
        f"<a:MessageID>{identifier}</a:MessageID>"
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<s:Envelope {names}>'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def probe(types: str = "p:Device", message_id: str | None = None, more: str = "") -> bytes:
    """Return a Probe for what has these types."""
    return message("Probe", f"<d:Probe><d:Types>{types}</d:Types>{more}</d:Probe>", message_id)


def resolve(endpoint: str, message_id: str | None = None) -> bytes:
    """Return a Resolve of an endpoint."""
    reference = f"<a:EndpointReference><a:Address>{endpoint}</a:Address></a:EndpointReference>"
    return message("Resolve", f"<d:Resolve>{reference}</d:Resolve>", message_id)


def get(message_id: str | None = None) -> bytes:
    """Return a Get."""
    return message("Get", "", message_id)


def find(answer: bytes, path: str) -> str:
    """Return the text of the only element at a path with the prefixes of this module."""
    (element,) = ElementTree.fromstring(answer).findall(path, SPACES)
    return element.text or ""


def action_of(answer: bytes) -> str:
    """Return the last part of the action of an answer."""
    return find(answer, "s:Header/a:Action").rpartition("/")[2]
