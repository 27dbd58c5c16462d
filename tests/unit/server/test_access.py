"""Who may log on, and what a client may reach before any share."""

import json
from types import SimpleNamespace

import pytest

from smbquic.errors import AuthenticationError, HandshakeError
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditLog
from smbquic.pki.access import Decision
from smbquic.server.access import check_user
from smbquic.server.security import access
from smbquic.transport.base import Peer


def test_generic_rights_are_those_of_windows() -> None:
    # winnt.h: FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS
    rights = (0x120089, 0x120116, 0x1200A0, 0x1F01FF)

    assert rights == (access.READ, access.WRITE, access.EXECUTE, access.ALL)
    for generic, specific in zip((1 << 31, 1 << 30, 1 << 29, 1 << 28), rights, strict=True):
        assert access.map_generic(generic) == specific
        assert access.map_generic(generic | 1 << 24) == specific | 1 << 24
    assert access.map_generic(0x3 << 30) == 0x120089 | 0x120116
    assert access.map_generic(0x0301_0001) == 0x0301_0001


def test_a_certificate_that_holds_no_more_is_for_nobody() -> None:
    class Certificates:
        def decide_logon(self, name: str, chain: object, user: str) -> Decision:
            raise HandshakeError("it expired just now", "expired")

    lines: list[str] = []
    peer = Peer("quic", ("127.0.0.1", 443), ("127.0.0.1", 50000))
    trail = AuditLog(SimpleNamespace(write=lines.append)).begin(peer)
    with pytest.raises(AuthenticationError, match="alice: it expired just now") as refused:
        check_user(Certificates(), peer, trail, "alice")  # type: ignore[arg-type]
    assert refused.value.status is NtStatus.ACCESS_DENIED
    record = json.loads(lines[1])
    assert (record["user"], record["granted"]) == ("alice", False)
