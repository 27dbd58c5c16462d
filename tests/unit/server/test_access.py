"""Who may log on, and what a client may reach before any share."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.auth.service_binding import ServiceBinding
from smbquic.errors import AuthenticationError, HandshakeError
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditLog
from smbquic.pki.access import Decision
from smbquic.server import access as policies
from smbquic.server.access import AccessPolicy, check_user
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


class Authenticator:
    """Notes what the logons of a connection are checked by."""

    def for_connection(self, watch: Any, binding: Any) -> Any:
        return watch, binding


class Guard:
    """Notes what it counts failed logons by."""

    def for_connection(self, *arguments: Any) -> Any:
        return arguments


class Certificates:
    """A server's certificates, of which one is shown to a client and has rules for pipes."""

    def __init__(self, pipes: bool | None = None) -> None:
        self.pipes = pipes

    def allows_pipes(self, name: str) -> bool | None:
        assert name == "fs.example"
        return self.pipes


TCP = Peer("tcp", ("192.0.2.1", 445), ("192.0.2.2", 50000), server_name="fs.example")
QUIC = replace(TCP, kind="quic", certificates=(b"leaf", b"issuer"))
NAMES: Any = object()


def checks(peer: Peer, **fields: Any) -> Any:
    made: Any = AccessPolicy(Authenticator(), **fields)  # type: ignore[arg-type]
    return made.authenticator_for(peer, Guard(), None)


def test_failed_logons_are_counted_by_address_and_certificate() -> None:
    assert checks(TCP) == (("192.0.2.2", b"", None), None)
    assert checks(QUIC) == (("192.0.2.2", b"leaf", None), None)
    assert checks(TCP, certificates=Certificates())[0] == ("192.0.2.2", b"", None)
    address, certificate, check = checks(QUIC, certificates=Certificates())[0]
    assert (address, certificate) == ("192.0.2.2", b"leaf")
    assert check.func is check_user


@pytest.mark.parametrize(
    ("peer", "end_point"),
    [(TCP, b""), (QUIC, b""), (replace(QUIC, own_leaf=b"shown"), b"of shown")],
)
def test_what_a_logon_has_to_be_meant_for(
    peer: Peer, end_point: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "server_end_point", lambda leaf: b"of " + leaf)
    _, binding = checks(peer, certificates=Certificates(), names=NAMES)

    assert binding == ServiceBinding(NAMES, "192.0.2.1", end_point)
    assert checks(peer, certificates=Certificates())[1] is None


@pytest.mark.parametrize("over_quic", [True, False])
def test_who_may_open_pipes(over_quic: bool) -> None:
    def allows(peer: Peer, certificates: Any) -> bool:
        authenticator: Any = Authenticator()
        policy = AccessPolicy(authenticator, certificates, pipes_over_quic=over_quic)
        return policy.allows_pipes(peer)

    for certificates in (None, Certificates(False)):
        assert allows(TCP, certificates) is True
    assert allows(QUIC, None) is over_quic
    assert allows(QUIC, Certificates()) is over_quic
    for rule in (True, False):
        assert allows(QUIC, Certificates(rule)) is rule


def test_pipes_are_for_the_local_network_without_a_word() -> None:
    authenticator: Any = Authenticator()
    assert AccessPolicy(authenticator).allows_pipes(QUIC) is False
