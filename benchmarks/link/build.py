"""The programs in C: compiled where they are first used, and kept in the user's cache."""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.link.errors import LinkUnavailable

SOURCE = Path(__file__).with_name("emulator.c")
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c11", "-O2")


def cache_directory() -> Path:
    """Where programs are kept: only we may write there, for root runs what is in it."""
    base = os.environ.get("XDG_CACHE_HOME")
    directory = (Path(base) if base else Path("~/.cache").expanduser()) / "smbquic" / "link"
    try:
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        status = directory.stat()
    except (OSError, RuntimeError) as error:
        raise LinkUnavailable(
            f"no place to keep the link emulator: {error}; set XDG_CACHE_HOME"
        ) from error
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise LinkUnavailable(f"{directory} must belong to you and be writable by nobody else")
    return directory


def emulator(source: Path = SOURCE) -> Path:
    """Return the link emulator. Raises `LinkUnavailable`."""
    return compiled(source, FLAGS)


def compiled(source: Path, flags: Sequence[str], libraries: Sequence[str] = ()) -> Path:
    """Return what a C file compiles to, compiled if it is not there yet.

    Raises `LinkUnavailable` where there is no compiler, or the file does not compile.
    """
    variant = "\0".join((*flags, *libraries, platform.machine(), "")).encode()
    key = hashlib.sha256(variant + source.read_bytes()).hexdigest()
    program = cache_directory() / f"{source.stem}-{key[:16]}"
    if program.exists():
        return program
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise LinkUnavailable(
            f"{source.name} needs a C compiler ({', '.join(COMPILERS)}), and there is none"
            " (Debian: apt install gcc libc6-dev)"
        )
    # Renamed when it is whole: others may be compiling it too.
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        result = Path(scratch) / source.stem
        run = subprocess.run(
            [compiler, *flags, "-o", str(result), str(source), *libraries],
            capture_output=True,
            text=True,
            errors="replace",
        )
        if run.returncode:
            raise LinkUnavailable(f"{compiler} cannot compile {source}:\n{run.stderr.strip()}")
        result.rename(program)
    return program
