"""Every decoder of the package that sees bytes of a peer, found by looking for them.

A class with a `decode`, or a function whose name begins with ``decode_``, is one. Those that take
more than the bytes are called through an adapter here; one that has none makes `find` raise, and
with it the tests.
"""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from types import ModuleType
from typing import Any, cast
from zlib import crc32

import smbquic.auth
import smbquic.wire
from smbquic.auth.ntlm import messages
from smbquic.auth.ntlm.messages import AvId
from smbquic.errors import WireError
from smbquic.protocol.message import elements
from smbquic.wire import create_contexts, negotiate_contexts, oplock_break
from smbquic.wire.cursor import HEADER_SIZE, Buffer
from smbquic.wire.error import ErrorContext, ErrorResponse
from smbquic.wire.fscc import directory_information as listing
from smbquic.wire.fscc.chain import encode_chain
from smbquic.wire.fscc.fixed import FixedStructure
from smbquic.wire.fscc.reparse import SymbolicLinkReparseData, reparse_tag
from smbquic.wire.header import Header
from smbquic.wire.message import EmptyMessage, Message
from smbquic.wire.messages import REQUESTS, RESPONSES, decode_request, decode_response
from smbquic.wire.rpc.get_info import GetInfoResponse
from smbquic.wire.rpc.pdu import PduFlags, PduHeader, RpcRequest
from tests.fuzz.samples import returned, sample

_BASES = (EmptyMessage, FixedStructure, GetInfoResponse, Message)
"""Base classes, which are no structures by themselves."""
_SELECTOR = 2
_NO_HEADER = bytes(HEADER_SIZE)
_CLASSES = sorted(listing.FIXED_SIZES)


@dataclass(frozen=True, slots=True)
class Decoder:
    """`decode` gives an object or raises one of `refusals`; `encode` writes what it gave.

    `name` begins with the module. Without `encode`, what was decoded is not written again.
    `samples` are well-formed.
    """

    name: str
    decode: Callable[[memoryview], Any]
    encode: Callable[[Any], bytes] | None = None
    refusals: tuple[type[Exception], ...] = (WireError,)
    samples: Callable[[], list[bytes]] = list

    @property
    def selector(self) -> bytes:
        """The first bytes of an input for this decoder, whatever other decoders there are."""
        return (crc32(self.name.encode()) & 0xFFFF).to_bytes(_SELECTOR, "little")

    def check(self, data: bytes) -> None:
        """Decode bytes, and once more what was written of the outcome. Raises what is wrong."""
        try:
            value = self.decode(memoryview(data))
        except self.refusals:
            return
        if self.encode is None:
            return
        encoded = self.encode(value)
        again = self.decode(memoryview(encoded))
        if again != value:
            raise AssertionError(f"{self.name}: {value} is written as {encoded.hex()}: {again}")


class Group:
    """Some decoders behind one function: the first two bytes of an input say which one it is."""

    def __init__(self, decoders: list[Decoder]) -> None:
        self.decoders = sorted(decoders, key=lambda each: each.name)
        self._by_selector = {each.selector: each for each in self.decoders}
        if len(self._by_selector) != len(self.decoders):
            raise AssertionError("two decoders have the same selector: rename one")

    def run(self, data: bytes) -> None:
        """One input; raises what is wrong."""
        self.choose(data[:_SELECTOR]).check(data[_SELECTOR:])

    def choose(self, selector: bytes) -> Decoder:
        """The decoder that bytes stand for; any will do."""
        found = self._by_selector.get(selector)
        number = int.from_bytes(selector, "little")
        return found or self.decoders[number % len(self.decoders)]

    def seeds(self) -> list[bytes]:
        """Inputs to begin with: for each decoder nothing, and what is well-formed."""
        return [each.selector + data for each in self.decoders for data in (b"", *each.samples())]


# --- adapters --------------------------------------------------------------------------------


def _behind_header(decode: Callable[[memoryview], Any], data: Buffer) -> Any:
    """The offsets of a message count from its header, which a body says nothing of."""
    return decode(memoryview(_NO_HEADER + bytes(data)))


def _whole(message: Message) -> bytes:
    body = b"".join(message.buffers())
    if body != message.encode():
        raise AssertionError(f"{message}: its buffers are not its encoding")
    return _NO_HEADER + body


def _encode_body(message: Message) -> bytes:
    return _whole(message)[HEADER_SIZE:]


def _decode_any(
    decode: Callable[[int, memoryview], Message], message: memoryview
) -> tuple[bytes, Message]:
    header = Header.decode(message)
    return bytes(message[:HEADER_SIZE]), decode(header.command, message)


def _encode_any(value: tuple[bytes, Message]) -> bytes:
    header, message = value
    return header + _encode_body(message)


def _decode_listing(data: memoryview) -> tuple[int, list[listing.DirectoryEntry]]:
    information_class = _CLASSES[data[0] % len(_CLASSES)] if data else _CLASSES[0]
    return information_class, listing.decode_entries(information_class, data[1:])


def _encode_listing(value: tuple[int, list[listing.DirectoryEntry]]) -> bytes:
    information_class, entries = value
    encoded = (listing.encode_entry(information_class, entry) for entry in entries)
    return bytes([_CLASSES.index(information_class)]) + encode_chain(encoded, 8)


def _decode_negotiate_contexts(data: memoryview) -> list[Any]:
    return negotiate_contexts.decode_contexts(data, 1, data[0]) if data else []


def _encode_negotiate_contexts(contexts: list[Any]) -> bytes:
    return bytes([len(contexts)]) + negotiate_contexts.encode_contexts(contexts)


def _decode_error_contexts(data: memoryview) -> list[Any]:
    return ErrorResponse(bytes(data[1:]), data[0]).contexts() if data else []


def _encode_error_contexts(contexts: list[Any]) -> bytes:
    response = ErrorResponse.of_contexts(contexts)
    return bytes([len(contexts)]) + response.error_data


def _any_samples(bodies: dict[int, type[Message]]) -> list[bytes]:
    """A message of every command."""
    return [
        Header(command).encode() + _encode_body(sample(body)) for command, body in bodies.items()
    ]


def _written(encode: Callable[[Any], bytes], kind: Any) -> list[bytes]:
    """One of a kind, as it is written."""
    return [encode(sample(kind))]


def _decode_call(data: memoryview) -> RpcRequest:
    """A call; the object that it may name is not kept, so it is not written either."""
    call = RpcRequest.decode(data)
    call.flags &= ~int(PduFlags.OBJECT_UUID)
    call.alloc_hint = call.alloc_hint or len(call.stub)
    return call


ADAPTERS: dict[str, Decoder] = {
    each.name: each
    for each in (
        Decoder(
            "wire.messages.decode_request",
            partial(_decode_any, decode_request),
            _encode_any,
            samples=lambda: _any_samples(REQUESTS),
        ),
        Decoder(
            "wire.messages.decode_response",
            partial(_decode_any, decode_response),
            _encode_any,
            samples=lambda: _any_samples(RESPONSES),
        ),
        Decoder(
            "wire.oplock_break.decode_acknowledgment",
            partial(_behind_header, oplock_break.decode_acknowledgment),
            _encode_body,
            samples=lambda: _written(_encode_body, oplock_break.LeaseBreakAcknowledgment),
        ),
        Decoder(
            "wire.oplock_break.decode_break",
            partial(_behind_header, oplock_break.decode_break),
            _encode_body,
            samples=lambda: _written(_encode_body, oplock_break.LeaseBreakNotification),
        ),
        Decoder(
            "wire.create_contexts.decode_lease",
            create_contexts.decode_lease,
            lambda lease: cast(bytes, lease.encode()),
            samples=lambda: _written(create_contexts.LeaseV2.encode, create_contexts.LeaseV2),
        ),
        Decoder(
            "wire.negotiate_contexts.decode_contexts",
            _decode_negotiate_contexts,
            _encode_negotiate_contexts,
            samples=lambda: [
                _encode_negotiate_contexts([sample(kind)])
                for kind in negotiate_contexts._CONTEXTS.values()
            ],
        ),
        Decoder(
            "wire.fscc.directory_information.decode_entries",
            _decode_listing,
            _encode_listing,
            samples=lambda: [
                _encode_listing((kind, [sample(listing.DirectoryEntry)] * 2)) for kind in _CLASSES
            ],
        ),
        Decoder(
            "wire.rpc.pdu.RpcRequest",
            _decode_call,
            RpcRequest.encode,
            samples=lambda: _written(RpcRequest.encode, RpcRequest),
        ),
        Decoder(
            "wire.rpc.pdu.PduHeader",
            PduHeader.decode,
            samples=lambda: _written(RpcRequest.encode, RpcRequest),
        ),
        Decoder(
            "auth.ntlm.messages.decode_av_pairs",
            messages.decode_av_pairs,
            lambda pairs: messages.encode_av_pairs(pairs.items()),
            samples=lambda: [messages.encode_av_pairs([(AvId.FLAGS, bytes(4))])],
        ),
    )
}
"""How to call, or to compare, what is not like the others."""

_UNNAMED = (
    Decoder(
        "wire.error.contexts",
        _decode_error_contexts,
        _encode_error_contexts,
        samples=lambda: _written(_encode_error_contexts, list[ErrorContext]),
    ),
    Decoder(
        "wire.fscc.reparse.reparse_tag",
        reparse_tag,
        samples=lambda: _written(SymbolicLinkReparseData.encode, SymbolicLinkReparseData),
    ),
    Decoder(
        "protocol.message.elements",
        lambda data: list(elements(data)),
        samples=lambda: [Header(1, next_command=64).encode() + Header(2).encode()],
    ),
)
"""Decoders that are not called so."""

READ_ONLY = frozenset(
    {
        # A peer may announce any size of the array; ours is the real one.
        "wire.ioctl_payloads.SrvSnapshotArray",
    }
)
"""Structures that need not decode to the same value again once they are written."""

WIDENED = frozenset(
    {
        # Entries whose size is not a multiple of 4 are read, but never written.
        "wire.dtyp.acl.Acl",
        "wire.dtyp.security_descriptor.SecurityDescriptor",
        # Without a hint, there is one.
        "wire.rpc.pdu.RpcResponse",
    }
)
"""Structures that need to decode to the same value again only once we have written them."""


# --- looking for them -------------------------------------------------------------------------


@cache
def find() -> list[Decoder]:
    """All decoders. Raises `LookupError` for one that is not known how to call."""
    found = {each.name: each for each in _UNNAMED}
    for package in (smbquic.wire, smbquic.auth):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for decoder in _of_module(import_module(info.name)):
                found[decoder.name] = decoder
    if unknown := ADAPTERS.keys() - found.keys():
        raise LookupError(f"there are adapters of decoders that do not exist: {unknown}")
    return list(found.values())


def group(*prefixes: str) -> Group:
    """The decoders of some modules."""
    return Group([each for each in find() if each.name.startswith(prefixes)])


def _of_module(module: ModuleType) -> Iterator[Decoder]:
    place = module.__name__.removeprefix("smbquic.")
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        full = f"{place}.{name}"
        if inspect.isclass(value):
            if inspect.ismethod(getattr(value, "decode", None)) and value not in _BASES:
                yield ADAPTERS.get(full) or _of_class(full, value)
        elif name.startswith("decode_") and inspect.isfunction(value):
            yield ADAPTERS.get(full) or _of_function(full, module, value)


def _of_class(name: str, cls: type[Any]) -> Decoder:
    if issubclass(cls, Message):
        decode = partial(_behind_header, cls.decode)
        return Decoder(name, decode, _encode_body, samples=lambda: _written(_encode_body, cls))
    encode: Callable[[Any], bytes] | None = getattr(cls, "encode", None)
    if encode is None and hasattr(cls, "buffers"):
        encode = lambda value: b"".join(value.buffers())  # noqa: E731
    samples: Callable[[], list[bytes]] = list
    if encode is not None:
        samples = partial(_written, encode, cls)
    if name in READ_ONLY:
        encode = None
    if name in WIDENED:
        return Decoder(
            name, lambda data: cls.decode(cls.decode(data).encode()), encode, samples=samples
        )
    return Decoder(name, cls.decode, encode, samples=samples)


def _of_function(name: str, module: ModuleType, decode: Callable[..., Any]) -> Decoder:
    if len(inspect.signature(decode).parameters) != 1:
        raise LookupError(f"{name} takes more than bytes: say in {__name__} how to call it")
    encode = getattr(module, decode.__name__.replace("decode_", "encode_"), None)
    if encode is None:
        return Decoder(name, decode)
    return Decoder(name, decode, encode, samples=partial(_written, encode, returned(decode)))
