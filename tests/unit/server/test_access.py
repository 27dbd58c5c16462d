"""Who may log on, and what a client may reach before any share."""

import json
from types import SimpleNamespace

import pytest

from smbquic.errors import AuthenticationError, HandshakeError
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditLog
from smbquic.pki.access import Decision
from smbquic.server.access import check_user
from smbquic.transport.base import Peer


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
