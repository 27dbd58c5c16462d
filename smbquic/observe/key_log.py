"""Writes what `SSLKEYLOGFILE` and `QLOGDIR` ask for: TLS secrets, and traces of QUIC."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO, cast

SECRETS = "SSLKEYLOGFILE"
"""The variable that names the file for TLS secrets, as of OpenSSL, browsers and Wireshark."""
TRACES = "QLOGDIR"
"""The variable that names the folder for a qlog file of each connection."""


class _KeyLog(io.TextIOBase):
    """Appends to a file, which is open only while a line is written.

    Connections end at different times, and several programs may write to one file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, text: str) -> int:
        """Append a line. The file is made for its owner only: who reads it can decrypt."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="ascii") as file:
            return file.write(text)


def key_log(environment: Mapping[str, str]) -> TextIO | None:
    """Return where TLS secrets are written, if the environment asks for that."""
    path = environment.get(SECRETS)
    return cast(TextIO, _KeyLog(Path(path))) if path else None


def trace_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder for qlog files, which is made if it is missing. Raises `OSError`."""
    path = environment.get(TRACES)
    if not path:
        return None
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
