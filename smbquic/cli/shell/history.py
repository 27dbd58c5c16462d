"""The lines that were typed into the shell, in a file that only their user can read."""

import os
from collections import deque
from contextlib import suppress
from pathlib import Path

from smbquic.cli.shell.grammar import SPACES

MOST_LINES = 1000
"""Lines that are kept; the file may have twice as many until the next shell begins."""
LONGEST_LINE = 4096
"""Characters of a line that is kept."""
_MODE = 0o600


def default_file() -> Path:
    """Return where the history is kept."""
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    base = named if named.is_absolute() else Path.home() / ".local" / "state"
    return base / "smbquic" / "shell_history"


class History:
    """The newest lines, the oldest first. Without a file, they end with the shell.

    A line that begins with a space is not kept, as in bash. What is typed in answer to a question,
    such as a password, is no line. A file that cannot be read or written is done without.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.lines: deque[str] = deque(maxlen=MOST_LINES)
        self._file = file
        if file is not None:
            with suppress(OSError):
                self._load(file)

    def _load(self, file: Path) -> None:
        with file.open(encoding="utf-8", errors="replace") as stream:
            count = 0
            for line in stream:
                self.lines.append(line.rstrip("\n")[:LONGEST_LINE])
                count += 1
        if count > 2 * MOST_LINES:
            self._shorten(file)

    def _shorten(self, file: Path) -> None:
        """Keep the newest lines of the file. Another shell may add to it: then its line is lost."""
        new = file.with_name(f"{file.name}.new")
        with suppress(OSError):
            new.unlink()
        self._append(new, "".join(f"{line}\n" for line in self.lines))
        new.replace(file)

    def add(self, line: str) -> bool:
        """Keep a line; return whether it is kept."""
        if not line.strip() or line[0] in SPACES or len(line) > LONGEST_LINE or "\n" in line:
            return False
        if self.lines and self.lines[-1] == line:
            return False
        self.lines.append(line)
        if self._file is not None:
            with suppress(OSError):
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._append(self._file, f"{line}\n")
        return True

    def _append(self, file: Path, text: str) -> None:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _MODE)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text.encode("utf-8", "replace"))
