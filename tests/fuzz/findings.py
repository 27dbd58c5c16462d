"""Findings: one for each place where a fault happens, with the bytes that show it."""

import json
import traceback
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any


class Findings:
    """Findings of one target, each in a file of its own in `folder`."""

    def __init__(self, target: str, folder: Path) -> None:
        self._target = target
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def note(self, data: bytes, error: BaseException) -> None:
        """An exception that should not be; nothing happens if it is known already."""
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        text = "".join(traceback.format_exception(error))
        self._write(f"{type(error).__name__} at {place}", data, f"{error}", text)

    def note_end(self, data: bytes, what: str, log: str) -> None:
        """The end of a process, or what else is no exception."""
        self._write(what, data, what, log)

    def all(self) -> list[dict[str, Any]]:
        """All findings: `target`, `what`, `message`, `text` and `input`, in base64."""
        return [json.loads(path.read_text()) for path in sorted(self._folder.glob("*.json"))]

    def _write(self, what: str, data: bytes, message: str, text: str) -> None:
        name = sha256(f"{self._target} {what}".encode()).hexdigest()[:16]
        path = self._folder / f"{self._target}-{name}.json"
        if path.exists():
            return
        found = {
            "target": self._target,
            "what": what,
            "message": message,
            "input": b64encode(data).decode(),
            "text": text,
        }
        path.write_text(json.dumps(found, indent=1))
