"""The options for a certificate from an ACME server."""

from pathlib import Path
from typing import Any

import pytest

from smbquic.options.acme import LETS_ENCRYPT, MAX_NAMES, AcmeOptions

HOOK = Path("hook")


def test_names_are_enough() -> None:
    options = AcmeOptions(names=["fs.example"])
    assert options.directory == LETS_ENCRYPT == "https://acme-v02.api.letsencrypt.org/directory"
    assert options.challenge == "http-01"
    assert options.http_listen == ":80"
    assert options.serves_http


@pytest.mark.parametrize("given", [{"webroot": Path("www")}, {"hook": HOOK}])
def test_whoever_else_publishes_answers(given: dict[str, Any]) -> None:
    assert not AcmeOptions(names=["fs.example"], **given).serves_http


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"names": []}, "names: write one to 100 names"),
        ({"names": ["a.example"] * (MAX_NAMES + 1)}, "names: write one to 100 names"),
        ({"directory": "http://ca.example/"}, "no URL that begins with https://"),
        ({"webroot": Path("www"), "hook": HOOK}, "exclude each other"),
        ({"challenge": "dns-01"}, "add hook"),
        ({"challenge": "tls-alpn-01"}, "'tls-alpn-01' is not one of http-01, dns-01"),
        ({"names": ["*.example"]}, 'needs challenge = "dns-01"'),
        ({"eab_key_id": "kid"}, "need each other"),
        ({"eab_key_file": Path("key")}, "need each other"),
    ],
)
def test_mistakes_say_what_to_write(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AcmeOptions(**{"names": ["fs.example"], **given})


def test_wildcards_by_dns() -> None:
    options = AcmeOptions(names=["*.example"], challenge="dns-01", hook=HOOK)
    assert options.names == ["*.example"]
