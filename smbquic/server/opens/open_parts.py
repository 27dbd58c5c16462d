"""The parts that an open is made of, and who asks for it. [MS-SMB2] 3.3.1.10"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from smbquic.auth.identity import Identity
from smbquic.server.notify.watch import Watch
from smbquic.server.opens.file_audit import FileAuditor
from smbquic.storage import Action
from smbquic.wire.negotiate import Dialect

NO_GUID = bytes(16)


@dataclass(frozen=True, slots=True)
class Requester:
    """Who sends a CREATE: the user, the client, and what was negotiated with it.

    `leasing` tells that the client was offered leases.
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
    """How the file is used: the options of the CREATE, and the position after the last I/O."""

    options: int
    delete_on_close: bool = False
    position: int = 0


@dataclass(slots=True)
class Enumeration:
    """How far listings have come: that of QUERY_DIRECTORY, and that of extended attributes."""

    search: Any = None
    next_ea: int = 0


@dataclass(slots=True)
class ChannelSequence:
    """What tells requests that are repeated on another channel. [MS-SMB2] 3.3.5.2.10, 3.3.5.14

    `outstanding` counts the requests that are answered later, `outstanding_before` those from
    before `number` changed last, which it did `changes` times. `locks` are the numbers of the LOCK
    requests that were successful, by their index.
    """

    number: int = 0
    changes: int = 0
    outstanding: int = 0
    outstanding_before: int = 0
    locks: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Durability:
    """What is needed to know the owner of a durable open again.

    `seconds` is how long the open waits for its owner; `timer` runs while it does. Only version 2
    has a `create_guid`.
    """

    owner: Identity
    client_guid: bytes
    seconds: float
    create_guid: bytes = NO_GUID
    timer: asyncio.TimerHandle | None = None


@dataclass(frozen=True, slots=True)
class AppInstance:
    """Who opened a file: the application's own id and version, and the machine it runs on."""

    instance_id: bytes
    version: tuple[int, int] | None
    client_guid: bytes


@dataclass(frozen=True, slots=True)
class ReplayableCreate:
    """The CREATE of an open: by which client and user, its GUID, and what it came to."""

    client_guid: bytes
    create_guid: bytes
    owner: Identity
    action: Action


@dataclass(slots=True)
class Recovery:
    """How an open is found again: by its owner, by an application, or by a replayed CREATE."""

    durable: Durability | None = None
    app_instance: AppInstance | None = None
    create: ReplayableCreate | None = None


@dataclass(slots=True)
class ChangeTracking:
    """Who has to know what is done through the open.

    `wrote` tells that those who cache the folder do not know of a change yet, `renamed` that a file
    got its name through this open. `watch` belongs to CHANGE_NOTIFY. `auditor` records what becomes
    of the file, if that is asked for.
    """

    wrote: bool = False
    renamed: bool = False
    watch: Watch | None = None
    auditor: FileAuditor | None = None
