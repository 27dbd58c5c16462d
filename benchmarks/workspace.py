"""The files that everything is done with, and the folder they are in while a run lasts."""

import contextlib
import fcntl
import hashlib
import os
import random
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.link.namespaces import SERVER_ADDRESSES
from smbquic.pki import PkiDirectory, init

PREFIX = "smbquic-benchmark-"
LOCK = "in-use"
SMALL_SIZE = 4096
BLOCK = 1 << 20
WIREGUARD_SOCKETS = Path("/var/run/wireguard")
WIREGUARD_PREFIX = "sqb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much there is to do; sizes in bytes."""

    bulk: int
    small_files: int = 20
    listings: tuple[int, ...] = (10, 100)
    stats: int = 20
    random_reads: int = 32


@dataclass(frozen=True, slots=True)
class Workspace:
    """`share` is what the servers serve, `source` what is put, `scratch` where things land."""

    folder: Path
    pki: PkiDirectory
    password: str
    sizes: Sizes
    hashes: dict[Path, str] = field(default_factory=dict)

    @property
    def share(self) -> Path:
        return self.folder / "share"

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    def hash(self, path: Path) -> str:
        """The SHA-256 of one of our own files or folders, computed once."""
        if path not in self.hashes:
            self.hashes[path] = hash_of(path)
        return self.hashes[path]

    def compare(self, landed: Path, original: Path) -> list[str]:
        """Return the faults of a copy, and remove it."""
        found = hash_of(landed)
        if landed.is_dir():
            shutil.rmtree(landed)
        else:
            landed.unlink()
        return [] if found == self.hash(original) else [f"{landed.name}: the hash differs"]


def hash_of(path: Path) -> str:
    """The SHA-256 of a file, or of a folder's names and files."""
    digest = hashlib.sha256()
    if path.is_dir():
        for entry in sorted(path.iterdir()):
            digest.update(f"{entry.name}\0{hash_of(entry)}\n".encode())
    else:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return digest.hexdigest()


def parent() -> Path:
    """In memory where the system has it, so that no disk is measured."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def remove_leftover_files() -> list[str]:
    """Remove what killed runs left in files; says what it was. Links have their own clean-up."""
    removed = []
    for folder in parent().glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), (folder / LOCK).open() as lock:
            # Whoever is alive holds it.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
            removed.append(f"folder {folder}")
    for path in WIREGUARD_SOCKETS.glob(f"{WIREGUARD_PREFIX}*.sock"):
        owner = path.name.removeprefix(WIREGUARD_PREFIX).partition("-")[0]
        if not Path(f"/proc/{owner}").exists():
            path.unlink(missing_ok=True)
            removed.append(f"socket {path}")
    return removed


@contextlib.contextmanager
def temporary_workspace(
    sizes: Sizes, seed: int, directory: Path | None = None
) -> Iterator[Workspace]:
    """Make the files, which are the same for the same seed, and remove them afterwards.

    They are in `directory`; without one in memory, if the system has it.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=directory or parent()))
    try:
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            password = secrets.token_urlsafe(12)
            workspace = Workspace(
                folder, init(folder / "pki", names=SERVER_ADDRESSES[0]), password, sizes
            )
            _fill(workspace, random.Random(seed))
            yield workspace
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(workspace: Workspace, source: random.Random) -> None:
    for folder in (workspace.share, workspace.source, workspace.scratch):
        folder.mkdir()
    for folder in (workspace.share, workspace.source):
        with (folder / "big").open("wb") as file:
            # The same bytes as in one piece, which may be larger than the memory.
            for start in range(0, workspace.sizes.bulk, BLOCK):
                file.write(source.randbytes(min(BLOCK, workspace.sizes.bulk - start)))
    for parent_folder in (workspace.share, workspace.source):
        small = parent_folder / "small"
        small.mkdir()
        for number in range(workspace.sizes.small_files):
            (small / f"{number:05}").write_bytes(source.randbytes(SMALL_SIZE))
    for count in workspace.sizes.listings:
        folder = workspace.share / f"list-{count}"
        folder.mkdir()
        for number in range(count):
            (folder / f"entry-{number:06}.txt").touch()
