"""Input and output of the controls of the SMB2 server itself. [MS-SMB2] 2.2.31, 2.2.32"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader, text, unpack
from smbquic.wire.flags import Flags

_COPYCHUNK_COPY = Struct("<24sII")
_COPYCHUNK = Struct("<QQII")
_COPYCHUNK_RESPONSE = Struct("<III")
_RESUME_KEY = Struct("<24sI")
_SNAPSHOTS = Struct("<III")
_SNAPSHOTS_MINIMUM = 16
_RESILIENCY = Struct("<II")
_INTERFACE = Struct("<IIIIQ128s")
_FAMILY = Struct("<H")
_INTERNETWORK = 0x0002
_INTERNETWORK_V6 = 0x0017


@dataclass(slots=True)
class SrvCopychunk:
    """SRV_COPYCHUNK: one range to copy, in bytes. [MS-SMB2] 2.2.31.1.1"""

    source_offset: int
    target_offset: int
    length: int


@dataclass(slots=True)
class SrvCopychunkCopy:
    """SRV_COPYCHUNK_COPY: ranges to copy from the file with `source_key` (24 bytes).

    [MS-SMB2] 2.2.31.1
    """

    source_key: bytes
    chunks: list[SrvCopychunk]

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the input of the IOCTL. Raises `WireError`."""
        reader = Reader(data)
        source_key, count, _ = reader.unpack(_COPYCHUNK_COPY)
        chunks = reader.take(count * _COPYCHUNK.size)
        return cls(
            source_key,
            [
                SrvCopychunk(source, target, length)
                for source, target, length, _ in _COPYCHUNK.iter_unpack(chunks)
            ],
        )

    def encode(self) -> bytes:
        """Encode the input of the IOCTL."""
        return _COPYCHUNK_COPY.pack(self.source_key, len(self.chunks), 0) + b"".join(
            _COPYCHUNK.pack(chunk.source_offset, chunk.target_offset, chunk.length, 0)
            for chunk in self.chunks
        )


@dataclass(slots=True)
class SrvCopychunkResponse:
    """SRV_COPYCHUNK_RESPONSE. [MS-SMB2] 2.2.32.1

    With STATUS_INVALID_PARAMETER the fields are the server's limits instead: chunks in a request,
    bytes in a chunk, bytes in a request.
    """

    chunks_written: int
    chunk_bytes_written: int
    total_bytes_written: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the output of the IOCTL. Raises `WireError`."""
        return cls(*unpack(_COPYCHUNK_RESPONSE, data))

    def encode(self) -> bytes:
        """Encode the output of the IOCTL."""
        return _COPYCHUNK_RESPONSE.pack(
            self.chunks_written, self.chunk_bytes_written, self.total_bytes_written
        )


@dataclass(slots=True)
class SrvRequestResumeKeyResponse:
    """SRV_REQUEST_RESUME_KEY Response: 24 bytes that name an open as source.

    [MS-SMB2] 2.2.32.3
    """

    resume_key: bytes

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the output of the IOCTL. Raises `WireError`."""
        return cls(unpack(_RESUME_KEY, data)[0])

    def encode(self) -> bytes:
        """Encode the output of the IOCTL, with the four bytes of Context that Windows sends."""
        return _RESUME_KEY.pack(self.resume_key, 0) + bytes(4)


@dataclass(slots=True)
class SrvSnapshotArray:
    """SRV_SNAPSHOT_ARRAY: previous versions as @GMT tokens. [MS-SMB2] 2.2.32.2

    `snap_shots` is empty if they did not fit; `snap_shot_array_size` is how many bytes they
    need. `encode` writes the array only if there are any.
    """

    number_of_snap_shots: int
    snap_shots: list[str]
    snap_shot_array_size: int

    @classmethod
    def of(cls, snap_shots: Sequence[str], max_output: int) -> Self:
        """Return `snap_shots`, or only their number and size if they exceed `max_output` bytes."""
        array = _snapshot_array(snap_shots)
        fits = _SNAPSHOTS.size + len(array) <= max_output
        return cls(len(snap_shots), list(snap_shots) if fits else [], len(array))

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the output of the IOCTL. Raises `WireError`."""
        reader = Reader(data)
        number, returned, size = reader.unpack(_SNAPSHOTS)
        if not returned:
            return cls(number, [], size)
        tokens = text(reader.take(size)).split("\0")
        return cls(number, [token for token in tokens if token], size)

    def encode(self) -> bytes:
        """Encode the output of the IOCTL."""
        fixed = _SNAPSHOTS.pack(
            self.number_of_snap_shots, len(self.snap_shots), self.snap_shot_array_size
        )
        array = _snapshot_array(self.snap_shots) if self.snap_shots else b""
        # Clients have room for 16 bytes at first, and Samba's takes no fewer either.
        return (fixed + array).ljust(_SNAPSHOTS_MINIMUM, b"\0")


def _snapshot_array(snap_shots: Sequence[str]) -> bytes:
    return "".join(f"{token}\0" for token in snap_shots).encode("utf-16-le") + bytes(2)


@dataclass(slots=True)
class NetworkResiliencyRequest:
    """NETWORK_RESILIENCY_REQUEST: milliseconds to hold a file. [MS-SMB2] 2.2.31.3"""

    timeout: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the input of the IOCTL. Raises `WireError`."""
        return cls(unpack(_RESILIENCY, data)[0])

    def encode(self) -> bytes:
        """Encode the input of the IOCTL."""
        return _RESILIENCY.pack(self.timeout, 0)


class InterfaceCapability(Flags):
    """Capabilities of a network interface. [MS-SMB2] 2.2.32.5"""

    RSS_CAPABLE = 0x00000001
    RDMA_CAPABLE = 0x00000002


@dataclass(slots=True)
class NetworkInterfaceInfo:
    """NETWORK_INTERFACE_INFO: an address of the server. [MS-SMB2] 2.2.32.5

    `link_speed` is in bits per second, `capability` compares with `InterfaceCapability`.
    """

    if_index: int
    capability: int
    link_speed: int
    address: IPv4Address | IPv6Address


def decode_network_interfaces(data: Buffer) -> list[NetworkInterfaceInfo]:
    """Decode the interfaces in the output of the IOCTL; other address families are left out.

    Raises `WireError`.
    """
    rest = memoryview(data)
    interfaces: list[NetworkInterfaceInfo] = []
    while len(rest):
        following, index, capability, _, speed, storage = unpack(_INTERFACE, rest)
        (family,) = _FAMILY.unpack_from(storage)
        address: IPv4Address | IPv6Address | None = None
        if family == _INTERNETWORK:
            address = IPv4Address(storage[4:8])
        elif family == _INTERNETWORK_V6:
            address = IPv6Address(storage[8:24])
        if address is not None:
            interfaces.append(NetworkInterfaceInfo(index, capability, speed, address))
        if not following:
            break
        if following < _INTERFACE.size:
            raise WireError(f"network interface: the next one cannot be at {following}")
        rest = rest[following:]
    return interfaces


def encode_network_interfaces(interfaces: Sequence[NetworkInterfaceInfo]) -> bytes:
    """Encode the output of the IOCTL."""
    parts: list[bytes] = []
    last = len(interfaces) - 1
    for index, interface in enumerate(interfaces):
        address = interface.address
        if isinstance(address, IPv4Address):
            storage = _FAMILY.pack(_INTERNETWORK) + bytes(2) + address.packed
        else:
            storage = _FAMILY.pack(_INTERNETWORK_V6) + bytes(6) + address.packed
        parts.append(
            _INTERFACE.pack(
                _INTERFACE.size if index < last else 0,
                interface.if_index,
                interface.capability,
                0,
                interface.link_speed,
                storage,
            )
        )
    return b"".join(parts)
