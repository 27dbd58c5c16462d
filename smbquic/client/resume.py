"""Transfers that go on where an earlier attempt was interrupted.

What that has left has a name that follows from the target's and from the state of the source, so
that what was copied of another source is never found. Chunks are written in a window: all that lies
a window before the end of what is there was written. The rest of the doubt is about what a machine
that failed has lost: so the ends, and places in between, are compared with the source, and if one
of them differs, the transfer starts again.
"""

import asyncio
import errno
import fcntl
import hashlib
import logging
import os
import socket
import stat
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from smbquic.client import requests
from smbquic.client.concurrency import run_to_completion
from smbquic.client.file import CHUNK, WINDOW, File
from smbquic.client.files import ShareFiles
from smbquic.client.local import PartialFile, in_thread
from smbquic.client.names import join, parent, split_path, to_wire
from smbquic.client.remote_part import RemotePartialFile
from smbquic.errors import DeniedError, SmbError, SourceChangedError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.storage.partial import resumable_name, resumable_pattern
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateRequest, ShareAccess
from smbquic.wire.create_contexts import AppInstanceId
from smbquic.wire.cursor import Buffer
from smbquic.wire.message import Message

log = logging.getLogger(__name__)

MARGIN = WINDOW * CHUNK
"""Bytes before the end of a part that may have holes. Smaller files are not worth a resumption."""
SAMPLE = 16 << 10
"""Bytes of each place that is compared."""
SAMPLES = 48
"""Places that are compared, half of them near the end, where losses are."""
IN_USE = 60.0
"""Seconds to wait until the server has noticed that the client of the last attempt is gone."""

Read = Callable[[int, int], Awaitable[Buffer]]


def _application_of(share: ShareFiles, part: str) -> bytes:
    """Return the id by which a server knows the transfers of this user and machine to a part."""
    here = (socket.gethostname(), os.getuid())
    there = (share.share_tree.session.host, share.tree.name, part)
    return hashlib.sha256(repr((here, there)).encode()).digest()[:16]


async def resume_at(there: int, size: int, part: Read, source: Read) -> int:
    """Return how many bytes of a part of `there` bytes can be kept, of a source of `size` bytes."""
    # Chunks end in any order: of the last window some may be missing where the file is long enough.
    kept = max(min(there, size) - MARGIN, 0)
    places = sample_places(kept)

    async def is_same(offset: int) -> bool:
        count = min(SAMPLE, kept - offset)
        one, other = await asyncio.gather(part(offset, count), source(offset, count))
        return bytes(one) == bytes(other)

    if not all(await asyncio.gather(*map(is_same, places))):
        log.warning("what an earlier attempt has left is not a part of the source; starting again")
        return 0
    return kept


def sample_places(size: int) -> list[int]:
    """Return where the first `size` bytes are compared: the ends, and places in between."""
    last = max(size - SAMPLE, 0)
    near = max(size - 2 * MARGIN, 0)
    half = SAMPLES // 2
    spread = [last * index // half for index in range(half)]
    dense = [near + (last - near) * index // half for index in range(1, half + 1)]
    return sorted({*spread, *dense}) if size else []


class ResumablePart(PartialFile):
    """A file on this machine that stays when its transfer is interrupted."""

    def __init__(self, target: Path, source: tuple[object, ...], fsync: bool) -> None:
        self._source = source
        super().__init__(target, fsync)

    def _open(self) -> tuple[Path, int]:
        # The name is known, and others may write to the folder. So whatever stands there is opened
        # without a link being followed or a FIFO waited for, and judged by its descriptor.
        path = self.target.with_name(resumable_name(self.target.name, self._source))
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                raise OSError(errno.EPERM, f"{path} is not a file of yours; remove it")
            # The lock goes with the process, also if it is killed: what is left is then free.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise OSError(errno.EBUSY, "another transfer is writing this file") from None
        except BaseException:
            os.close(descriptor)
            raise
        self.size = status.st_size
        return path, descriptor

    def read_at(self, offset: int, count: int) -> bytes:
        """Return what was written earlier."""
        return os.pread(self._descriptor, count, offset)

    def abandon(self, error: BaseException) -> None:
        """Keep it for the next attempt, unless it is of a source that has changed."""
        if isinstance(error, SourceChangedError):
            self.discard()
        elif self._descriptor >= 0:
            self._close()

    async def begin(self, file: File) -> int:
        """Return how much of `file` is here already; the rest is dropped."""

        async def part(offset: int, count: int) -> bytes:
            return await in_thread(self.read_at, offset, count)

        start = await resume_at(self.size, file.opened.end_of_file, part, file.read_at)
        await in_thread(self.truncate, start)
        return start

    def remove_others(self) -> None:
        """Remove what transfers of other states of the source have left for this target."""
        for path in self.target.parent.glob(resumable_pattern(self.target.name)):
            path.unlink(missing_ok=True)


class ProcessLock:
    """A name that one process of this machine has at a time, until it ends, however it ends.

    It is the address of a socket, which is not in the file system; only Linux has such addresses.
    """

    def __init__(self, name: bytes) -> None:
        self._socket: socket.socket | None = None
        if sys.platform == "linux":
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                # An address that begins with a zero byte is in no folder; it ends with the socket.
                self._socket.bind(b"\0smbquic-" + name.hex().encode())
            except OSError:
                self.release()

    @property
    def held(self) -> bool:
        """Whether it is this process that has the name."""
        return self._socket is not None

    def release(self) -> None:
        """Let others have the name."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class RemoteResumablePart(RemotePartialFile):
    """A file on a share that stays when its transfer is interrupted.

    The server closes it for the next attempt if this one was killed: both name the same application
    ([MS-SMB2] 3.3.5.9.13). Only one process of this machine does so at a time, since the other
    may be alive.
    """

    def __init__(self, share: ShareFiles, path: str, source: tuple[object, ...]) -> None:
        super().__init__(share, path)
        name = resumable_name(split_path(path)[-1], source)
        self._resumable = join(parent(path), name)
        self._application = _application_of(share, self._resumable)
        self._lock: ProcessLock | None = None

    def _creating(self) -> CreateRequest:
        self._part = self._resumable
        if self._lock is None:
            self._lock = ProcessLock(self._application)
        opening = requests.create(
            to_wire(self._part),
            requests.WRITE | requests.READ | requests.DELETE,
            disposition=CreateDisposition.FILE_OPEN_IF,
            options=CreateOptions.FILE_NON_DIRECTORY_FILE,
            sharing=ShareAccess(0),
        )
        # With the id the server closes the open of another transfer. Only who has the lock knows
        # that the other is not alive.
        if self._lock.held:
            opening.contexts.append(AppInstanceId(self._application).context())
        return opening

    def release(self) -> None:
        """Let other processes of this machine write it."""
        if self._lock is not None:
            self._lock.release()

    async def begin(self, *middle: Message, durable: bool = True) -> tuple[File, list[Response]]:
        """Open it; waits while the server thinks that an earlier client has it open."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + IN_USE
        warned = False
        while True:
            try:
                return await super().begin(*middle, durable=durable)
            except DeniedError as error:
                if error.status != NtStatus.SHARING_VIOLATION or clock() > deadline:
                    raise
                if not warned:
                    log.warning(
                        "%s: the server has the part open, perhaps for a client that was killed;"
                        " waiting until that ends, %.0f s at most",
                        self._path,
                        IN_USE,
                    )
                warned = True
                await asyncio.sleep(1)

    async def abandon(self, error: BaseException) -> None:
        """Keep it for the next attempt, unless it is of a source that has changed."""
        if isinstance(error, SourceChangedError):
            await self.discard()
        elif self._file is not None and not self._in_doubt:
            self._file.stay_lost()
            with suppress(SmbError):
                await run_to_completion(self._file.close())

    async def start(self, size: int, source: Read) -> int:
        """Return how much of the source is here already; the rest is dropped."""
        assert self._file is not None
        there = self._file.opened.end_of_file
        start = await resume_at(there, size, self._file.read_at, source)
        if start < there:
            await self._file.truncate(start)
        return start

    async def remove_others(self) -> None:
        """Remove what transfers of other states of the source have left for this target."""
        folder, name = parent(self._path), split_path(self._path)[-1]
        with suppress(SmbError):
            for left in await self._share.listdir(folder, resumable_pattern(name)):
                await self._share.remove(join(folder, left))
