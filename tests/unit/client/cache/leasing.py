"""A server that grants leases, and breaks them when the test says so."""

from collections.abc import Callable

from smbquic.client.leases import HANDLE, READ, WRITE
from smbquic.client.share import Share
from smbquic.ntstatus import NtStatus
from smbquic.protocol.message import UNSOLICITED
from smbquic.wire.create import CreateDisposition, CreateOptions, OplockLevel
from smbquic.wire.create_context import find
from smbquic.wire.create_contexts import CREATE_REQUEST_LEASE, LeaseV2, decode_lease
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.chain import encode_chain
from smbquic.wire.fscc.directory_information import DirectoryEntry, encode_entry
from smbquic.wire.fscc.file_information import (
    EndOfFileInformation,
    FileInformationClass,
    StandardInformation,
)
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.message import Message
from smbquic.wire.negotiate import GlobalCapabilities, NegotiateResponse, SecurityMode
from smbquic.wire.oplock_break import LeaseBreakNotification, LeaseBreakResponse
from smbquic.wire.query_directory import QueryDirectoryResponse
from smbquic.wire.query_info import QueryInfoResponse
from smbquic.wire.read import ReadResponse
from smbquic.wire.write import WriteResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened

ALL = READ | HANDLE | WRITE
BOTH = GlobalCapabilities.LEASING | GlobalCapabilities.DIRECTORY_LEASING


class LeasingServer:
    """Has `files` with their content; a name that ends in a slash is a folder.

    `grant` says what is granted of a state that is asked for, by default all of it.
    """

    def __init__(self, fake: FakeServer, share: Share) -> None:
        self.fake = fake
        self.files: dict[str, bytearray] = {}
        self.grant: Callable[[int], int] = lambda wanted: wanted
        self.leases: dict[str, LeaseV2] = {}
        """The lease that was asked for last, by the name of the file."""
        self.refused: dict[str, NtStatus] = {}
        self._ids: dict[int, str] = {}
        self._epochs: dict[bytes, int] = {}
        self._listed: set[int] = set()
        self._last = ""
        connection = share.tree.connection
        connection.protocol.server = NegotiateResponse(
            security_mode=SecurityMode(0),
            dialect_revision=0x0311,
            server_guid=bytes(16),
            capabilities=BOTH,
            max_transact_size=1 << 20,
            max_read_size=1 << 20,
            max_write_size=1 << 20,
            system_time=0,
        )
        fake.handlers |= {
            Command.CREATE: self._create,
            Command.READ: self._read,
            Command.WRITE: self._write,
            Command.SET_INFO: self._set_info,
            Command.QUERY_INFO: self._query_info,
            Command.QUERY_DIRECTORY: self._list,
            Command.OPLOCK_BREAK: lambda request: LeaseBreakResponse(
                request.body.lease_key, request.body.lease_state
            ),
        }

    # --- leases -----------------------------------------------------------------------------------

    def break_lease(
        self, name: str, left: int, *, acknowledge: bool = True, key: bytes | None = None
    ) -> None:
        """Send a notification for the lease on a file."""
        lease = self.leases[name]
        key = lease.lease_key if key is None else key
        epoch = self._epochs[lease.lease_key] = self._epochs[lease.lease_key] + 1
        self.send(LeaseBreakNotification(epoch, int(acknowledge), key, lease.lease_state, left))

    def send(self, body: Message) -> None:
        """Send something that was not asked for."""
        header = Header(
            Command.OPLOCK_BREAK, message_id=UNSOLICITED, flags=HeaderFlags.SERVER_TO_REDIR
        )
        self.fake.transport.deliver(header.encode() + b"".join(body.buffers()))

    # --- files ------------------------------------------------------------------------------------

    def _create(self, request: Received) -> Answer:
        body = request.body
        name: str = body.name
        if name in self.refused:
            return self.refused[name], None
        folder = f"{name}/" in self.files or not name
        there = folder or name in self.files
        if body.create_disposition == CreateDisposition.FILE_CREATE and there:
            return NtStatus.OBJECT_NAME_COLLISION, None
        if body.create_disposition == CreateDisposition.FILE_OPEN and not there:
            return NtStatus.OBJECT_NAME_NOT_FOUND, None
        if not there and body.create_options & CreateOptions.FILE_DIRECTORY_FILE:
            folder, there = True, True
            self.files[f"{name}/"] = bytearray()
        if not there or body.create_disposition == CreateDisposition.FILE_OVERWRITE_IF:
            self.files[name] = bytearray()
        number = len(self._ids) + 100
        self._ids[number], self._last = name, name
        attributes = FileAttributes.DIRECTORY if folder else FileAttributes.ARCHIVE
        answer = opened(len(self.files.get(name, b"")), attributes, number)
        data = find(body.contexts, CREATE_REQUEST_LEASE)
        if data is not None:
            asked = decode_lease(data)
            assert isinstance(asked, LeaseV2)
            epoch = self._epochs.get(asked.lease_key, 0) + 1
            self._epochs[asked.lease_key] = epoch
            lease = LeaseV2(asked.lease_key, self.grant(asked.lease_state), epoch=epoch)
            self.leases[name] = lease
            answer.oplock_level = OplockLevel.OPLOCK_LEVEL_LEASE
            answer.contexts.append(lease.context())
        return answer

    def _name(self, request: Received) -> str:
        return self._ids.get(request.body.file_id.persistent, self._last)

    def _read(self, request: Received) -> Answer:
        start, length = request.body.offset, request.body.length
        data = bytes(self.files[self._name(request)][start : start + length])
        return ReadResponse(data) if data else (NtStatus.END_OF_FILE, None)

    def _write(self, request: Received) -> Answer:
        content, start, data = (
            self.files[self._name(request)],
            request.body.offset,
            request.body.data,
        )
        content += bytes(max(start - len(content), 0))
        content[start : start + len(data)] = data
        return WriteResponse(len(data))

    def _set_info(self, request: Received) -> Answer:
        body = request.body
        if body.file_info_class == FileInformationClass.FileEndOfFileInformation:
            size = EndOfFileInformation.decode(memoryview(body.buffer)).end_of_file
            content = self.files[self._name(request)]
            content += bytes(max(size - len(content), 0))
            del content[size:]
        return None

    def _query_info(self, request: Received) -> Answer:
        size = len(self.files[self._name(request)])
        return QueryInfoResponse(StandardInformation(size, size, 1, False, False).encode())

    def _list(self, request: Received) -> Answer:
        number = max(self._ids)
        if number in self._listed:
            return NtStatus.NO_MORE_FILES, None
        self._listed.add(number)
        folder = self._ids[number]
        inside = f"{folder}\\" if folder else ""
        entries = [
            DirectoryEntry(name.removeprefix(inside).rstrip("/"), end_of_file=len(content))
            for name, content in self.files.items()
            if name.startswith(inside) and "\\" not in name.removeprefix(inside)
        ]
        information = FileInformationClass.FileIdFullDirectoryInformation
        if not entries:
            return NtStatus.NO_MORE_FILES, None
        chain = encode_chain([encode_entry(information, entry) for entry in entries], 8)
        return QueryDirectoryResponse(chain)

    def count(self, command: Command) -> int:
        """How many requests of a command came."""
        return len(self.fake.bodies(command))
