"""The parts of an open, and who requests one. [MS-SMB2] 3.3.1.10"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import field
from typing import Any

from smbquic.auth.identity import Identity
from smbquic.lazy_dataclass import dataclass
from smbquic.server.notify.watch import Watch
from smbquic.server.opens.file_audit import FileAuditor
from smbquic.storage import Action
from smbquic.wire.negotiate import Dialect

NO_GUID = bytes(16)


@dataclass(frozen=True, slots=True)
class Requester:
    """The sender of a CREATE: the user, the client, and what was negotiated with it.

    `leasing` is whether the client was offered leases.
    """

    identity: Identity
    client_guid: bytes
    dialect: Dialect
    leasing: bool

    @property
    def is_smb3(self) -> bool:
        """Whether a dialect of the SMB 3 family was negotiated."""
        return self.dialect >= Dialect.SMB_3_0


@dataclass(slots=True)
class OpenAccess:
    """Access masks without generic bits: what was granted, what could have been, what is shared."""

    granted: int
    maximal: int
    share: int


@dataclass(slots=True)
class OpenMode:
    """The mode of an open: the options of its CREATE, and the position after the last I/O."""

    options: int
    delete_on_close: bool = False
    position: int = 0


@dataclass(slots=True)
class Enumeration:
    """The positions of listings: of QUERY_DIRECTORY, and of extended attributes."""

    search: Any = None
    next_ea: int = 0


@dataclass(slots=True)
class ChannelSequence:
    """The counters that show which requests were sent again. [MS-SMB2] 3.3.5.2.10, 3.3.5.14

    `outstanding` counts the requests that are answered later, `outstanding_before` those from
    before `number` changed last, which it did `changes` times. `locks` are the numbers of the LOCK
    requests that were successful, by their index.
    """

    number: int = 0
    changes: int = 0
    outstanding: int = 0
    outstanding_before: int = 0
    locks: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Durability:
    """The properties of a durable open, by which its owner finds it again. [MS-SMB2] 3.3.1.10

    The open waits `seconds` for its owner, and `timer` runs while it does. Only version 2 has a
    `create_guid`.
    """

    owner: Identity
    client_guid: bytes
    seconds: float
    create_guid: bytes = NO_GUID
    timer: asyncio.TimerHandle | None = None


@dataclass(frozen=True, slots=True)
class AppInstance:
    """The application that opened a file: its id and version, its user, and its client."""

    instance_id: bytes
    version: tuple[int, int] | None
    owner: Identity
    client_guid: bytes


@dataclass(frozen=True, slots=True)
class ReplayableCreate:
    """The CREATE of an open: its client, GUID and user, and what it did to the file."""

    client_guid: bytes
    create_guid: bytes
    owner: Identity
    action: Action


@dataclass(slots=True)
class Recovery:
    """The ways to find an open again: by its owner, by an application, or by a replayed CREATE.

    `sequence` distinguishes requests that are sent again on another channel.
    """

    durable: Durability | None = None
    app_instance: AppInstance | None = None
    create: ReplayableCreate | None = None
    sequence: ChannelSequence = field(default_factory=ChannelSequence)


@dataclass(slots=True)
class ChangeTracking:
    """The changes through an open, and who is notified of them.

    `wrote` says that leases on the folder are to be broken because of a change, `renamed` that
    the file got its name through this open. `watch` belongs to CHANGE_NOTIFY. `auditor` records
    what becomes of the file, if that is configured. `on_close` is called when the open is closed.
    """

    wrote: bool = False
    renamed: bool = False
    watch: Watch | None = None
    auditor: FileAuditor | None = None
    on_close: list[Callable[[], None]] = field(default_factory=list)
