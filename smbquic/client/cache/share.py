"""A share whose changes are known to a cache before and after the server makes them."""

from collections.abc import Awaitable, Callable, Sequence

from smbquic.client.files import ShareFiles
from smbquic.client.names import split_path
from smbquic.client.repeatable import only_reads
from smbquic.client.share import Share
from smbquic.lazy_dataclass import dataclass
from smbquic.protocol.response import Response
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateRequest
from smbquic.wire.fscc.file_information import FileInformationClass, RenameInformation
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.message import Message
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest

_MOVING = frozenset(
    {
        FileInformationClass.FileDispositionInformation,
        FileInformationClass.FileRenameInformation,
    }
)
_SIZING = frozenset(
    {
        FileInformationClass.FileAllocationInformation,
        FileInformationClass.FileEndOfFileInformation,
    }
)
_KEEPING = frozenset(
    {
        CreateDisposition.FILE_OPEN,
        CreateDisposition.FILE_CREATE,
        CreateDisposition.FILE_OPEN_IF,
    }
)
"""What leaves the content of a file as it is."""
_NAMING = frozenset(
    {FileInformationClass.FileLinkInformation, FileInformationClass.FileRenameInformation}
)
"""What gives a file a name, too; both structures have it in the same place."""


@dataclass(frozen=True, slots=True)
class RequestedChange:
    """What requests change: the files of these paths, with `moves` their names.

    With `content`, what is in the first of them changes, too.
    """

    paths: Sequence[str]
    moves: bool = False
    content: bool = False

    @classmethod
    def of(cls, opening: CreateRequest, others: Sequence[Message]) -> "RequestedChange | None":
        """Return what the requests of a compound change; None if they only read."""
        opens = opening.create_disposition == CreateDisposition.FILE_OPEN
        deletes = opening.create_options & CreateOptions.FILE_DELETE_ON_CLOSE
        if opens and not deletes and all(map(only_reads, others)):
            return None
        paths, moves = [canonical(opening.name)], False
        for other in others:
            if isinstance(other, SetInfoRequest):
                moves |= other.file_info_class in _MOVING
                if other.file_info_class in _NAMING:
                    target = RenameInformation.decode(memoryview(other.buffer)).file_name
                    paths.append(canonical(target))
        content = opening.create_disposition not in _KEEPING or any(map(_changes_content, others))
        return cls(paths, moves, content)


def _changes_content(request: Message) -> bool:
    if isinstance(request, SetInfoRequest):
        return request.file_info_class in _SIZING
    return isinstance(request, IoctlRequest | WriteRequest)


def canonical(path: str) -> str:
    """Return a path in the one form that the cache knows it by."""
    return "/".join(split_path(path))


class ObservedShare(Share):
    """A share with the connection of another one.

    `before` prepares for a change, and returns the CREATE to send for it; `after` is called when it
    was made or tried.
    """

    def __init__(
        self,
        share: Share,
        before: Callable[[RequestedChange, CreateRequest], Awaitable[CreateRequest]],
        after: Callable[[RequestedChange], None],
    ) -> None:
        ShareFiles.__init__(self, share.share_tree)
        self.open_slots, self.memory = share.open_slots, share.memory
        self._before = before
        self._after = after

    async def once_closed(
        self, opening: CreateRequest, *others: Message, path: str
    ) -> list[Response]:
        """See `ShareFiles`."""
        change = RequestedChange.of(opening, others)
        if change is None:
            return await super().once_closed(opening, *others, path=path)
        opening = await self._before(change, opening)
        try:
            return await super().once_closed(opening, *others, path=path)
        finally:
            self._after(change)
