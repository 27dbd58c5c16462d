import pytest
from hypothesis import given
from hypothesis import strategies as st
from spnego._ntlm_raw.crypto import md5
from spnego.channel_bindings import GssChannelBindings

from smbquic.auth.service_binding import (
    AcceptedTargetNames,
    ServiceBinding,
    channel_bindings_hash,
    normal_host,
)
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus


@given(data=st.binary(min_size=1, max_size=100))
def test_the_hash_of_bindings_is_pyspnegos(data: bytes) -> None:
    assert channel_bindings_hash(data) == md5(GssChannelBindings(application_data=data).pack())


def test_no_bindings_are_zeros() -> None:
    assert channel_bindings_hash(b"") == bytes(16)


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("FS.Example.", "fs.example"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("2001-db8--1.ipv6-literal.net", "2001:db8::1"),
        ("fe80--1s4.ipv6-literal.net", "fe80::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
    ],
)
def test_names_have_one_spelling(name: str, normal: str) -> None:
    assert normal_host(name) == normal


@given(name=st.text(max_size=30))
def test_any_name_is_looked_for(name: str) -> None:
    assert name not in AcceptedTargetNames(["fs"]) or normal_host(name) in ("fs", "localhost")


BINDING = ServiceBinding(
    AcceptedTargetNames(["fs"], lambda name: name == "certified.example"), "192.0.2.1", b"tls"
)


@pytest.mark.parametrize(
    "target_name",
    ["", "cifs/fs", "CIFS/FS", "cifs/certified.example", "cifs/192.0.2.1", "cifs/localhost"],
)
def test_a_name_of_ours_is_taken(target_name: str) -> None:
    BINDING.check(target_name, b"")


@pytest.mark.parametrize(
    "target_name", ["cifs/evil", "host/fs", "fs", "cifs/", "cifs/192.0.2.2", "cifs/fs/evil"]
)
def test_another_name_is_refused(target_name: str) -> None:
    with pytest.raises(AuthenticationError, match="target_names") as refusal:
        BINDING.check(target_name, b"")
    assert refusal.value.status is NtStatus.ACCESS_DENIED


@pytest.mark.parametrize("bindings", [b"", bytes(16), channel_bindings_hash(b"tls")])
def test_bindings_to_this_channel_or_to_none_are_taken(bindings: bytes) -> None:
    BINDING.check("cifs/fs", bindings)


@pytest.mark.parametrize("bindings", [b"x", bytes(15), channel_bindings_hash(b"other")])
def test_other_bindings_are_refused(bindings: bytes) -> None:
    with pytest.raises(AuthenticationError, match="another TLS connection"):
        BINDING.check("cifs/fs", bindings)
