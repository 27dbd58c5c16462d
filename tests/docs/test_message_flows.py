"""docs/explanation/message-flows.md shows the messages that a client and a server exchange."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import smbquic
from smbquic.pki import PkiDirectory
from smbquic.protocol.client import ClientProtocol
from smbquic.protocol.response import Response
from tests.docs.drawings import draw
from tests.docs.pages import blocks

PAGE = "docs/explanation/message-flows.md"


def flow(index: int) -> list[str]:
    """Return the lines of a drawing that are messages of SMB."""
    lines = [line.strip() for line in blocks(PAGE)[index].text.splitlines()]
    return [line for line in lines if ">>" in line and "QUIC" not in line and "TLS" not in line]


def name(body: Any) -> str:
    """Return the command of a message, as [MS-SMB2] writes it."""
    words = re.findall(r"[A-Z][a-z]+", type(body).__name__)[:-1]
    return "_".join(words).upper()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of the messages that clients send and receive, as the drawings have them."""
    lines: list[str] = []
    compound, receive = ClientProtocol.compound, ClientProtocol.receive

    def send(self: ClientProtocol, bodies: Sequence[Any], **more: Any) -> Any:
        lines.append(f"C->>S: {', '.join(map(name, bodies))}")
        return compound(self, bodies, **more)

    def take(self: ClientProtocol, message: memoryview) -> list[Response]:
        responses = receive(self, message)
        [status] = {response.status.name for response in responses}
        lines.append(f"S-->>C: {', '.join(name(each.body) for each in responses)}: STATUS_{status}")
        return responses

    monkeypatch.setattr(ClientProtocol, "compound", send)
    monkeypatch.setattr(ClientProtocol, "receive", take)
    return lines


async def test_connecting_and_reading(sent: list[str], pki: PkiDirectory, tmp_path: Path) -> None:
    (tmp_path / "small.txt").write_bytes(b"small")
    async with smbquic.serve(
        {"data": tmp_path},
        {"alice": "correct horse"},
        ["quic://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        url = f"smb+quic://alice@localhost:{serving.listeners[0].rpartition(':')[2]}/data"
        async with smbquic.connect(url, password="correct horse", ca=pki.ca) as share:
            assert sent == flow(0)
            sent.clear()
            assert await share.read_bytes("small.txt") == b"small"
            assert sent == flow(1)


def test_every_flow_can_be_drawn() -> None:
    for block in blocks(PAGE):
        assert draw(block.text).startswith("<svg")
