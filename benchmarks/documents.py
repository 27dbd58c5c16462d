"""Documents of JSON on disk."""

import json
import os
from pathlib import Path
from typing import Any


class DocumentError(Exception):
    """A file or a folder that does not hold what it should."""


def read(file: Path) -> dict[str, Any]:
    """Return the document in a file. Raises `DocumentError`."""
    try:
        document = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise DocumentError(f"{file} holds no result: {error}") from error
    if not isinstance(document, dict):
        raise DocumentError(f"{file} holds no result, but a {type(document).__name__}")
    return document


def write(file: Path, document: Any, *, indent: int | None = 1) -> None:
    """Write a file so that it is there whole or not at all."""
    new = file.with_name(f".{file.name}.new")
    with new.open("w") as stream:
        json.dump(document, stream, indent=indent)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
