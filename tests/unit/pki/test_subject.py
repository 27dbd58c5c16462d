from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from smbquic.pki.subject import Purpose, general_name, now_utc


def test_each_purpose_has_its_extended_key_usage() -> None:
    assert Purpose.SERVER.usage == ExtendedKeyUsageOID.SERVER_AUTH
    assert Purpose.CLIENT.usage == ExtendedKeyUsageOID.CLIENT_AUTH


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FS.Example", x509.DNSName("fs.example")),
        ("*.example.org", x509.DNSName("*.example.org")),
        ("file_server", x509.DNSName("file_server")),
        ("xn--bcher-kva.example", x509.DNSName("xn--bcher-kva.example")),
        ("192.0.2.1", x509.IPAddress(ip_address("192.0.2.1"))),
        ("2001:db8::1", x509.IPAddress(ip_address("2001:db8::1"))),
    ],
)
def test_general_names(name: str, expected: x509.GeneralName) -> None:
    assert general_name(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a..b",
        "-a.example",
        "a-.example",
        "bücher.example",
        "a b",
        "a.*.example",
        "x" * 64 + ".example",
        ".".join(["x" * 50] * 6),
        "fe80::1::2",
        "host\n",
    ],
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="neither a DNS name"):
        general_name(name)


def test_the_time_is_in_whole_seconds_of_utc() -> None:
    before = datetime.now(UTC)
    now = now_utc()
    assert (now.microsecond, now.tzinfo) == (0, UTC)
    assert before - timedelta(seconds=1) < now <= datetime.now(UTC)
