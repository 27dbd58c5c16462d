"""Reads the SOAP envelopes that strangers send.

Only what the few requests need is kept. A document type, and with it any entity, is refused.
"""

from collections import defaultdict
from typing import NoReturn
from xml.parsers import expat

from smbquic.lazy_dataclass import dataclass
from smbquic.wsd.namespaces import ADDRESSING, DISCOVERY, SOAP

MAX_MESSAGE = 8 << 10
"""Bytes of a message."""
MAX_ELEMENTS = 128
"""Elements of a message; those of Windows have about ten."""
MAX_DEPTH = 16
"""Elements inside each other."""
MAX_FIELD = 256
"""Characters of an action, an id or an address."""

_HEADER = (f"{SOAP} Envelope", f"{SOAP} Header")
_BODY = (f"{SOAP} Envelope", f"{SOAP} Body")
_ADDRESS = (f"{ADDRESSING} EndpointReference", f"{ADDRESSING} Address")
_FIELDS = {
    (*_HEADER, f"{ADDRESSING} Action"): "action",
    (*_HEADER, f"{ADDRESSING} MessageID"): "message_id",
    (*_BODY, f"{DISCOVERY} Probe", f"{DISCOVERY} Types"): "types",
    (*_BODY, f"{DISCOVERY} Probe", f"{DISCOVERY} Scopes"): "scopes",
    (*_BODY, f"{DISCOVERY} Resolve", *_ADDRESS): "endpoint",
}


class EnvelopeError(ValueError):
    """A message is no SOAP envelope that this server reads."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of a request. Types are pairs of a namespace and a name."""

    action: str
    message_id: str
    types: frozenset[tuple[str, str]]
    scopes: str
    endpoint: str


def parse_envelope(message: bytes) -> Envelope:
    """Return the parts of a request. Raises `EnvelopeError`."""
    if len(message) > MAX_MESSAGE:
        raise EnvelopeError(f"the message has {len(message)} bytes")
    reader = _EnvelopeReader()
    try:
        reader.parser.Parse(message, True)
    except (expat.ExpatError, ValueError) as error:
        raise EnvelopeError(f"the message is no SOAP envelope: {error}") from error
    fields = reader.fields
    if any(len(fields[name]) > MAX_FIELD for name in ("action", "message_id", "endpoint")):
        raise EnvelopeError("a field of the message is too long")
    if not (fields["action"] and fields["message_id"]):
        raise EnvelopeError("the message has no action or no id")
    return Envelope(
        action=fields["action"],
        message_id=fields["message_id"],
        types=reader.types,
        scopes=fields["scopes"],
        endpoint=fields["endpoint"],
    )


class _EnvelopeReader:
    """What a parser has read so far."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = defaultdict(str)
        self.types: frozenset[tuple[str, str]] = frozenset()
        self._path: list[str] = []
        self._elements = 0
        self._prefixes: dict[str | None, list[str]] = defaultdict(list)
        # The encoding is given, so that a declaration in the message chooses no codec of Python.
        self.parser = parser = expat.ParserCreate("utf-8", " ")
        parser.StartDoctypeDeclHandler = self._refuse_document_type
        parser.StartNamespaceDeclHandler = self._start_namespace
        parser.EndNamespaceDeclHandler = self._end_namespace
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _refuse_document_type(self, *_: object) -> NoReturn:
        raise EnvelopeError("a document type is not allowed")

    def _start_namespace(self, prefix: str | None, uri: str | None) -> None:
        self._prefixes[prefix].append(uri or "")

    def _end_namespace(self, prefix: str | None) -> None:
        self._prefixes[prefix].pop()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._path.append(name)
        if self._elements > MAX_ELEMENTS or len(self._path) > MAX_DEPTH:
            raise EnvelopeError("the message has too many elements")
        field = _FIELDS.get(tuple(self._path))
        if field is not None and field in self.fields:
            raise EnvelopeError(f"the message has two fields {field}")

    def _end(self, name: str) -> None:
        field = _FIELDS.get(tuple(self._path))
        self._path.pop()
        if field is None:
            return
        self.fields[field] = self.fields[field].strip()
        if field == "types":
            # The prefixes mean what they do here.
            self.types = frozenset(map(self._qualified, self.fields[field].split()))

    def _text(self, text: str) -> None:
        field = _FIELDS.get(tuple(self._path))
        if field is not None:
            self.fields[field] += text

    def _qualified(self, name: str) -> tuple[str, str]:
        prefix, _, local = name.rpartition(":")
        uris = self._prefixes[prefix or None]
        return (uris[-1] if uris else "", local)
