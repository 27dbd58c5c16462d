"""The JSON schemas say of a file what the reader says, as far as a schema can."""

import json
import tomllib
from typing import Any

import pytest
from jsonschema import Draft7Validator, ValidationError

from smbquic.cli.main import main
from smbquic.config.json_schema import client_schema, server_schema
from tests.unit.config.test_reader import WHOLE


def check(schema: dict[str, Any], text: str) -> None:
    Draft7Validator.check_schema(schema)
    Draft7Validator(schema).validate(tomllib.loads(text))


POOLS = '[gateway]\nhealth_interval = 5\n[gateway.pools.nas]\nbackends = ["tcp://nas"]\n'
PROFILE = '[profiles.fs]\nurl = "smb+quic://fs.example/data"\ntimeout = 3.5\n'


def test_files_that_are_right() -> None:
    for text in ("", WHOLE, POOLS):
        check(server_schema(), text)
    for text in ("", PROFILE):
        check(client_schema(), text)


@pytest.mark.parametrize(
    "text",
    [
        'lisen = ["x"]',
        'listen = "quic://x"',
        "guest = 1",
        'engine = "quiche"',
        "tls_groups = []",
        "[users]\nalice = 7",
        "shares = 7",
        "[shares.data]",
        '[shares.data]\npath = "data"\nreadonly = true',
        "[certificate]",
        "[[certificate]]\nfiel = 1",
        "[limits]\nopens = 1.5",
        "[limits]\nopens = -1",
        "[connection_ids]\nnonce_size = 3",
        '[connection_ids]\nserver_id = "x"',
        "[audit]\nkeep = 1",
        "[gateway.pools.a]",
    ],
)
def test_files_that_are_wrong(text: str) -> None:
    with pytest.raises(ValidationError):
        check(server_schema(), text)
    with pytest.raises(ValidationError):
        check(client_schema(), text)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == server_schema()
    assert main(["config", "schema", "--client"]) == 0
    assert json.loads(capsys.readouterr().out) == client_schema()


def test_each_option_says_what_it_is_for() -> None:
    limits = server_schema()["properties"]["limits"]["properties"]
    assert limits["opens"]["type"] == "integer"
    assert limits["opens"]["minimum"] == 0
    assert limits["opens"]["description"].endswith("Default: 16384.")
