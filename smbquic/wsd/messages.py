"""The messages that a server sends: Hello, Bye, matches, and its metadata."""

from dataclasses import field
from itertools import count
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5
from xml.sax.saxutils import escape

from smbquic.lazy_dataclass import dataclass
from smbquic.wsd import namespaces as ns

WORKGROUP = "WORKGROUP"
"""The group under which Windows shows a server that belongs to no domain."""
METADATA_VERSION = 1
"""What is told about the server never changes while it runs."""

_DECLARATIONS = (
    f'xmlns:soap="{ns.SOAP}" xmlns:wsa="{ns.ADDRESSING}" xmlns:wsd="{ns.DISCOVERY}"'
    f' xmlns:wsdp="{ns.PROFILE}" xmlns:pub="{ns.PUBLICATION}"'
)
_TYPES = "<wsd:Types>wsdp:Device pub:Computer</wsd:Types>"
_VERSION = f"<wsd:MetadataVersion>{METADATA_VERSION}</wsd:MetadataVersion>"


def endpoint_of(name: str) -> UUID:
    """Return the id by which Windows knows a server again after it was restarted."""
    return uuid5(NAMESPACE_URL, f"smb://{name.lower()}")


@dataclass(frozen=True, slots=True)
class WsdMessages:
    """Makes the messages of one server.

    `instance` is a number that grows with every start.
    """

    name: str
    instance: int
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def endpoint(self) -> str:
        """The address of the server's endpoint, which is no network address."""
        return endpoint_of(self.name).urn

    def hello(self, url: str) -> bytes:
        """Return the announcement of a server whose metadata are at `url`."""
        return self._discovery(
            ns.HELLO, ns.EVERYBODY, "", f"<wsd:Hello>{self._at(url)}</wsd:Hello>"
        )

    def bye(self) -> bytes:
        """Return the announcement that the server ends."""
        body = f"<wsd:Bye>{self._reference}</wsd:Bye>"
        return self._discovery(ns.BYE, ns.EVERYBODY, "", body)

    def probe_matches(self, request: str) -> bytes:
        """Return the answer to the Probe with an id. A Resolve asks for the address."""
        match = f"<wsd:ProbeMatch>{self._reference}{_TYPES}{_VERSION}</wsd:ProbeMatch>"
        body = f"<wsd:ProbeMatches>{match}</wsd:ProbeMatches>"
        return self._discovery(ns.PROBE_MATCHES, ns.ANONYMOUS, request, body)

    def resolve_matches(self, request: str, url: str) -> bytes:
        """Return the answer to the Resolve with an id: the metadata are at `url`."""
        match = f"<wsd:ResolveMatch>{self._at(url)}</wsd:ResolveMatch>"
        body = f"<wsd:ResolveMatches>{match}</wsd:ResolveMatches>"
        return self._discovery(ns.RESOLVE_MATCHES, ns.ANONYMOUS, request, body)

    def metadata(self, request: str) -> bytes:
        """Return the answer to the Get with an id: what the server is."""
        name = escape(self.name)
        device = f"<wsdp:ThisDevice><wsdp:FriendlyName>{name}</wsdp:FriendlyName></wsdp:ThisDevice>"
        model = (
            "<wsdp:ThisModel><wsdp:Manufacturer>smbquic</wsdp:Manufacturer>"
            "<wsdp:ModelName>smbquic</wsdp:ModelName></wsdp:ThisModel>"
        )
        relationship = (
            f'<wsdp:Relationship Type="{ns.PROFILE}/host"><wsdp:Host>{self._reference}'
            "<wsdp:Types>pub:Computer</wsdp:Types>"
            f"<wsdp:ServiceId>{self.endpoint}</wsdp:ServiceId>"
            f"<pub:Computer>{name}/Workgroup:{WORKGROUP}</pub:Computer>"
            "</wsdp:Host></wsdp:Relationship>"
        )
        sections = (
            _section("ThisDevice", device)
            + _section("ThisModel", model)
            + _section("Relationship", relationship)
        )
        body = f'<wsx:Metadata xmlns:wsx="{ns.METADATA}">{sections}</wsx:Metadata>'
        return _envelope(_header(ns.GET_RESPONSE, ns.ANONYMOUS, request), body)

    @property
    def _reference(self) -> str:
        address = f"<wsa:Address>{self.endpoint}</wsa:Address>"
        return f"<wsa:EndpointReference>{address}</wsa:EndpointReference>"

    def _at(self, url: str) -> str:
        return f"{self._reference}{_TYPES}<wsd:XAddrs>{escape(url)}</wsd:XAddrs>{_VERSION}"

    def _discovery(self, action: str, to: str, request: str, body: str) -> bytes:
        """Return a message with its place in the sequence of those of this server."""
        sequence = (
            f'<wsd:AppSequence InstanceId="{self.instance}" MessageNumber="{next(self._numbers)}"/>'
        )
        return _envelope(_header(action, to, request) + sequence, body)


def _section(name: str, content: str) -> str:
    dialect = f"{ns.PROFILE}/{name}"
    return f'<wsx:MetadataSection Dialect="{dialect}">{content}</wsx:MetadataSection>'


def _header(action: str, to: str, request: str) -> str:
    relates = f"<wsa:RelatesTo>{escape(request)}</wsa:RelatesTo>" if request else ""
    return (
        f"<wsa:To>{to}</wsa:To><wsa:Action>{action}</wsa:Action>"
        f"<wsa:MessageID>{uuid4().urn}</wsa:MessageID>{relates}"
    )


def _envelope(header: str, body: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope {_DECLARATIONS}>'
        f"<soap:Header>{header}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()
