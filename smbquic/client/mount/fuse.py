"""libfuse, by way of mfusepy: only this module knows them, and imports them for a mount."""

from pathlib import Path
from types import ModuleType
from typing import Any

from smbquic.client.mount.interrupts import InterruptWatcher
from smbquic.errors import MountError
from smbquic.lazy_dataclass import dataclass

THREADS = 64
"""Operations that wait for the server at once; some wait long, for a lock."""
DIRECT_IO_ALLOW_MMAP = 1 << 28
"""FUSE_CAP_DIRECT_IO_ALLOW_MMAP: files are mapped into memory that are read without a cache."""

_MAX_THREADS_SINCE = (3, 12)
"""The version of libfuse since which the number of threads is bounded, by an option."""
_MOUNT_FAILED = "the mount failed; libfuse has said why"
_FAILURES = {
    1: "libfuse does not know one of the options of the mount",
    3: _MOUNT_FAILED,
    4: _MOUNT_FAILED,
}
"""What the exit codes of fuse_main stand for."""
_ENDED_BY_SIGNAL = 8


@dataclass(frozen=True, slots=True)
class FuseOptions:
    """How the kernel mounts: `source` is what ``mount`` and ``df`` show as the device."""

    source: str
    read_only: bool = False
    allow_other: bool = False
    more: tuple[str, ...] = ()
    """Options for the kernel without a value, such as noexec."""


def load() -> ModuleType:
    """Return mfusepy, which has found libfuse. Raises `MountError`: what has to be installed."""
    try:
        import mfusepy
    except ModuleNotFoundError as error:
        raise MountError(
            "mfusepy is not installed, which a mount needs: run pip install 'smbquic[mount]'"
        ) from error
    except (OSError, AttributeError) as error:
        raise MountError(
            f"libfuse is missing or too old ({error}): install it, on Debian and Ubuntu by"
            " apt install fuse3, on Fedora by dnf install fuse3, on macOS with macFUSE or FUSE-T"
        ) from error
    module: ModuleType = mfusepy
    return module


def serve(mfusepy: ModuleType, operations: Any, folder: Path, options: FuseOptions) -> None:
    """Mount, and call the operations until the folder is unmounted or a signal ends it.

    Has to be called on the main thread, where libfuse handles SIGTERM and SIGHUP. Raises
    `KeyboardInterrupt` after SIGINT, and `MountError`.
    """

    class FuseSession(mfusepy.FUSE):  # type: ignore[name-defined, misc]
        """Adds what mfusepy leaves out."""

        def _init(self, connection: Any, config: Any) -> None:
            if connection:
                configure(connection.contents)
            super()._init(connection, config)

        def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> int:
            """Pass the flags of renameat2 on: without them, ``mv -n`` would replace files."""
            paths = (path.decode(self.encoding, self.errors) for path in (old, new))
            result: int = self.operations.rename(*paths, flags)
            return result

    version = mfusepy.fuse_version_major, mfusepy.fuse_version_minor
    more: dict[str, object] = dict.fromkeys(options.more, True)
    if version >= _MAX_THREADS_SINCE:
        more["max_threads"] = THREADS
    if version[0] == 2:
        more["big_writes"] = True
    with InterruptWatcher() as interrupts:
        try:
            FuseSession(
                operations,
                str(folder),
                raw_fi=True,
                foreground=True,
                fsname=options.source,
                subtype="smbquic",
                ro=options.read_only,
                allow_other=options.allow_other,
                # The kernel compares the mode with the user; it keeps nothing, as others may change
                # everything at any time.
                default_permissions=True,
                nosuid=True,
                nodev=True,
                use_ino=True,
                direct_io=True,
                # Without it, libfuse does not tell of signals: see `is_interrupted`.
                intr=True,
                entry_timeout=0,
                attr_timeout=0,
                negative_timeout=0,
                **more,
            )
        except RuntimeError as error:
            code: int = error.args[0]
            if code != _ENDED_BY_SIGNAL:
                text = _FAILURES.get(code, f"libfuse has ended with the code {code}")
                raise MountError(f"{folder}: {text}") from error
        if interrupts.received:
            raise KeyboardInterrupt


def is_interrupted(mfusepy: ModuleType) -> bool:
    """Return whether the program has got a signal whose operation runs on this thread."""
    return bool(mfusepy._libfuse.fuse_interrupted())


def configure(connection: Any) -> None:
    """Ask the kernel to map files into memory, too, although it keeps nothing of them."""
    connection.want |= connection.capable & DIRECT_IO_ALLOW_MMAP
