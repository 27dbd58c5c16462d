"""The command line over the configuration file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smbquic.auth.users import UserStore
from smbquic.config import Configuration, merged
from smbquic.errors import ConfigError
from smbquic.options.acme import AcmeOptions
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.connection_ids import ConnectionIdOptions
from smbquic.options.limits import Limits
from smbquic.options.server import ProgramOptions
from smbquic.options.traces import TraceOptions
from smbquic.options.web import WebOptions

GROUPS = (ProgramOptions, ConnectionIdOptions, Limits, WebOptions, TraceOptions, AuditOptions)
NOTHING: dict[type, dict[str, Any]] = {group: {} for group in GROUPS}


def base() -> Configuration:
    users = UserStore()
    users.add("alice", "secret")
    return Configuration(
        users=users,
        listen=("tcp://localhost",),
        target_names=("router",),
        connection_ids=ConnectionIdOptions(server_id=b"1", rotation=2),
        limits=Limits(opens=7),
        web=WebOptions(address="127.0.0.1:1", remote=True),
        traces=TraceOptions(endpoint="http://c.example", share=0.5),
        audit=AuditOptions(file=Path("audit"), keep=3),
    )


def test_nothing_given_changes_nothing() -> None:
    before = base()
    assert merged(before, NOTHING) == before


def test_what_is_given_wins_and_some_lists_add() -> None:
    found = merged(
        base(),
        {
            ProgramOptions: {"listen": ("quic://x",), "target_names": ("x",), "guest": True},
            ConnectionIdOptions: {"server_id": b"2"},
            Limits: {"drain_seconds": 1.0},
            WebOptions: {"address": "127.0.0.1:2"},
            TraceOptions: {"share": 0.1},
            AuditOptions: {"file": None},
        },
    )
    assert (found.listen, found.target_names) == (("quic://x",), ("router", "x"))
    assert found.guest
    assert found.connection_ids == ConnectionIdOptions(server_id=b"2", rotation=2)
    assert (found.limits.opens, found.limits.drain_seconds) == (7, 1.0)
    assert found.web == WebOptions(address="127.0.0.1:2", remote=True)
    assert found.traces == TraceOptions(endpoint="http://c.example", share=0.1)
    assert found.audit == AuditOptions(file=None, keep=3)
    assert found.users.names() == ["alice"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"email": "a@fs.example"}, "add --acme NAME"),
        ({"names": ("a b",)}, "neither a DNS name"),
        ({"names": ("*.example",)}, 'needs challenge = "dns-01"'),
    ],
)
def test_options_of_acme_that_do_not_fit(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        merged(base(), {**NOTHING, AcmeOptions: given})


def test_acme_by_the_command_line_alone() -> None:
    given = {**NOTHING, AcmeOptions: {"names": ("fs.example",)}}
    assert merged(base(), given).acme == AcmeOptions(names=("fs.example",))
    key = Path("x")
    with_one = replace(base(), certificates=(IdentityFiles(certificate=key, key=key),))
    with pytest.raises(ConfigError, match="write the names into its acme"):
        merged(with_one, given)


def test_audit_records_may_be_asked_for_by_the_command_line_alone() -> None:
    given = {**NOTHING, AuditOptions: {"file": Path("x")}}
    assert merged(Configuration(users=UserStore()), given).audit == AuditOptions(file=Path("x"))


def test_a_file_of_users_takes_the_place_of_those_in_the_configuration(tmp_path: Path) -> None:
    store = UserStore()
    store.add("bob", "secret")
    store.save(tmp_path / "users")
    given = {**NOTHING, ProgramOptions: {"users_file": tmp_path / "users"}}
    assert merged(base(), given).users.names() == ["bob"]
