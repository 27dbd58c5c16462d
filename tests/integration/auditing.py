"""Audit records as they are written."""

import asyncio
import json
from typing import Any


class AuditRecords:
    """An audit sink that keeps its records."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self._written = asyncio.Event()

    def write(self, line: str) -> None:
        self.records.append(json.loads(line))
        self._written.set()

    def of(self, event: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["event"] == event]

    async def first(self, event: str) -> dict[str, Any]:
        """The first record of that event, as soon as there is one."""
        async with asyncio.timeout(60):
            while not self.of(event):
                self._written.clear()
                await self._written.wait()
        return self.of(event)[0]
