"""A folder that is shared, and what is beside it and must be neither changed nor read."""

import contextlib
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

SECRET = b"nobody who is served this share may read it"
KNOWN = b"what everybody may read" * 100
MOST = 1000
"""Entries of the share beyond which it is emptied."""
LARGEST = 64 << 20
"""Bytes of a file: nobody wants the disk filled."""


class Trespass(AssertionError):
    """Something outside of the share was changed or shown."""


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """Have the system refuse to make files larger than `LARGEST`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class FuzzPlace:
    """The folder `share` within `root`, with links that lead out of it, to what is beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.share = root / "share"
        self._beside = root / "beside"
        self._beside.mkdir()
        for folder in (root, self._beside):
            (folder / "canary").write_bytes(SECRET)
        self.share.mkdir(exist_ok=True)
        self.fill()
        self._before = self._look()

    def fill(self) -> None:
        """Put into the share what clients expect there, where it is missing."""
        if sum(1 for _ in self.share.iterdir()) > MOST:
            for entry in self.share.iterdir():
                with contextlib.suppress(OSError):
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        with contextlib.suppress(OSError):  # clients may have put something else in its place
            (self.share / "dir").mkdir(exist_ok=True)
            (self.share / "known").write_bytes(KNOWN)
            (self.share / "dir" / "c").write_bytes(b"c")
            for name, target in (("link", "../beside"), ("link2", "../beside/canary")):
                if not (self.share / name).is_symlink():
                    (self.share / name).symlink_to(target)

    def check(self) -> None:
        """Raises `Trespass`."""
        now = self._look()
        if now != self._before:
            raise Trespass(f"outside of the share, {self._before} became {now}")

    def _look(self) -> list[object]:
        found: list[object] = [sorted(entry.name for entry in self.root.iterdir())]
        for entry in (self._beside, self.root / "canary", *sorted(self._beside.iterdir())):
            stat = entry.lstat()
            found.append((entry.name, stat.st_mode, stat.st_uid, stat.st_nlink, stat.st_mtime_ns))
            if entry.is_file():
                found.append(entry.read_bytes())
        return found
