"""An audit sink for tests that look at whole lines."""

import json
from typing import Any


class AuditLines:
    """Keeps the lines that it gets."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]
