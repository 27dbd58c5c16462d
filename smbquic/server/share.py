"""A share: a storage that the server offers under a name."""

from collections.abc import Callable
from dataclasses import field

from smbquic.lazy_dataclass import dataclass
from smbquic.overload.disk_monitor import DiskMonitor
from smbquic.server.coroutines import StorageCoroutines
from smbquic.storage import Storage


@dataclass(slots=True, eq=False)
class ServedShare:
    r"""One share, ``\\server\name``. `comment` is what a listing of shares shows.

    `encrypt` refuses what is neither sealed nor comes over QUIC with its encryption agreed on.
    `missing` says that its folder was deleted, and none was made in its place yet. `coroutines`
    waits for those of the storage, if it has any.
    """

    name: str
    storage: Storage
    read_only: bool = False
    comment: str = ""
    encrypt: bool = False
    missing: bool = field(default=False, init=False)
    disk: DiskMonitor = field(default_factory=DiskMonitor, init=False)
    coroutines: StorageCoroutines | None = field(default=None, init=False)
    _end: Callable[[], None] | None = field(default=None, init=False)

    def wait_for_coroutines(self, storage: Storage, coroutines: StorageCoroutines) -> None:
        """Serve a storage that waits for the coroutines of the former one."""
        self.storage, self.coroutines = storage, coroutines
        # Not while others wait for the lock of the storage.
        self.disk = DiskMonitor(always_slow=True)

    def begin(self) -> None:
        """Prepare the storage for clients: see `Storage.begin`."""
        self._end = self.storage.begin()

    def end(self) -> None:
        """End what `begin` began."""
        if self._end is not None:
            self._end()
            self._end = None

    def replace(self, storage: Storage) -> None:
        """Serve another storage; nobody uses the former one any more."""
        begun = self._end is not None
        self.end()
        self.storage = storage
        if begun:
            self.begin()


PIPE_SHARE = "IPC$"
"""The share that every server has; it holds named pipes."""

_RESERVED = frozenset({PIPE_SHARE.casefold(), "pipe", "mailslot", ".", ".."})
"""Names that mean something else than a share to clients."""
_ILLEGAL = frozenset('"\\/[]:|<>+=;,*?') | frozenset(map(chr, range(0x20)))
_LONGEST = 80


def check_share_name(name: str) -> None:
    """Raise `ValueError` for a name that no share can have. [MS-FSCC] 2.1.6"""
    if not name:
        raise ValueError("a share needs a name")
    if name.casefold() in _RESERVED:
        raise ValueError(f"{name!r} cannot be the name of a share: it is reserved")
    illegal = sorted(_ILLEGAL.intersection(name))
    if illegal:
        raise ValueError(f"{name!r} cannot be the name of a share: it holds {illegal[0]!r}")
    try:
        length = len(name.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        raise ValueError(f"{name!r} cannot be the name of a share: it is not Unicode") from None
    if length > _LONGEST:
        raise ValueError(
            f"the name of a share has at most {_LONGEST} characters, and {name!r} has {length}"
        )
