"""Configurations that are wrong as a whole, or by the contents of the files that they name.

Together with `test_mistakes` of test_reader.py, each error names file, line, key and what to do.
"""

from pathlib import Path

import pytest

from smbquic import config
from smbquic.auth.users import UserStore
from smbquic.cli.main import main
from smbquic.pki import PkiDirectory

SHARE = 'users_file = "users.txt"\n[shares.data]\npath = "data"\n'
PAIR = 'file = "server.pem"\nkey = "server.key"\n'
CERTIFICATE = f"[[certificate]]\n{PAIR}"


@pytest.fixture
def place(tmp_path: Path, pki: PkiDirectory) -> Path:
    """A folder with good files, and with bad ones."""
    (tmp_path / "data").mkdir()
    store = UserStore()
    store.add("bob", "secret")
    store.save(tmp_path / "users.txt")
    names = ("server.pem", "server.key", "client.pem", "client.key", "ca.pem", "crl.pem")
    for name in names:
        (tmp_path / name).write_bytes((pki.path / name).read_bytes())
        (tmp_path / name).chmod(0o600)
    for name, content in {
        "junk": "nonsense\n",
        "hash.txt": "bob:12\n",
        "colon.txt": "# comment\nbob\n",
        "twice.txt": f"bob:{'0' * 32}\nBOB:{'1' * 32}\n",
    }.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "open.key").write_bytes((pki.path / "server.key").read_bytes())
    (tmp_path / "open.key").chmod(0o644)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "line", "key", "remedy"),
    [
        ('users_file = "hash.txt"', 1, "users_file", "line 1: the NT hash of 'bob' is not 32 hex"),
        ('users_file = "colon.txt"', 1, "users_file", "line 2: it is not NAME:HASH"),
        ('users_file = "twice.txt"', 1, "users_file", "already a user 'BOB'"),
        ("listen = []", 1, "listen", 'listen = ["quic://0.0.0.0:443"]'),
        ('log_level = "loud"', 1, "log_level", "not one of warning, info, debug"),
        ('workers = "auto"', 1, "workers", "write a whole number"),
        ("workers = 99", 1, "workers", "from 0 to 32"),
        (
            '[[certificate]]\nfile = "junk"\nkey = "server.key"',
            2, "certificate[1].file", "there is no certificate in it, in PEM, DER or PKCS #12",
        ),
        (
            '[[certificate]]\nfile = "server.pem"\nkey = "client.key"',
            3, "certificate[1].key", "is not the key of the first certificate in",
        ),
        (
            '[[certificate]]\nfile = "server.pem"\n',
            2, "certificate[1].file", "its key is in another file: give that too",
        ),
        (
            '[[certificate]]\nfile = "server.pem"\nkey = "open.key"',
            3, "certificate[1].key", "others can read or change this private key; run: chmod 600",
        ),
        (
            '[[certificate]]\nfile = "server.pem"\nkey = "junk"',
            3, "certificate[1].key", "key",
        ),
        (
            f'[[certificate]]\n{PAIR}password_file = "open.key"',
            4, "certificate[1].password_file", "run: chmod 600",
        ),
        (
            f'{CERTIFICATE}client_ca = "junk"',
            4, "certificate[1].client_ca", "this is not a PEM file with a certificate",
        ),
        (
            f'{CERTIFICATE}client_ca = "ca.pem"\nclient_crl = "junk"',
            5, "certificate[1].client_crl", "this is not a PEM file with a revocation list",
        ),
        (CERTIFICATE * 2, 4, "certificate[2]", "are both for localhost: set names for one"),
        (
            f'{CERTIFICATE}default = true\n[[certificate]]\nfile = "client.pem"\n'
            'key = "client.key"\nnames = ["a.example"]\ndefault = true',
            5, "certificate[2]", "cannot both be the default",
        ),
        (
            '[connection_ids]\nserver_id = "c0ffee"\nkey_file = "junk"',
            1, "connection_ids", "make one with openssl rand -hex 16",
        ),
        (
            '[connection_ids]\nserver_id = "c0ffee"\nkey_file = "open.key"',
            1, "connection_ids", "run: chmod 600",
        ),
        (
            '[connection_ids]\nnonce_size = 18\nserver_id = "c0ffeec0ffee"',
            1, "connection_ids", "with the server ID 19 at most",
        ),
        (
            'guest = true\nengine = "aioquic"\ntls_groups = ["X25519MLKEM768"]',
            2, "engine", "use the engine qh3, or auto",
        ),
        ('[audit]\nfile = "nowhere/audit"', 2, "audit.file", "nowhere: make it"),
        ("[gateway]\npools = 7", 2, "gateway.pools", "write [gateway.pools.NAME]"),
        ("[gateway.pools.a]\n", 1, "gateway.pools.a", "backends is missing"),
        ("[gateway.pools.a]\nbackends = []", 1, "gateway.pools", "add one to backends"),
        (
            '[gateway.pools.a]\nbackends = ["tcp://x"]\n[gateway.pools.b]\nbackends = ["tcp://y"]',
            1, "gateway.pools", "one of them can be for all other names",
        ),
        (
            '[gateway.pools.a]\nbackends = ["tcp://x?weight=z"]',
            2, "gateway.pools.a.backends", "weight",
        ),
        ("[gateway]\nhealth_intervall = 1", 2, "gateway.health_intervall", "did you mean"),
    ],
)  # fmt: skip
def test_wrong_contents(
    place: Path,
    text: str,
    line: int,
    key: str,
    remedy: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = place / "smbquic.toml"
    file.write_text(text)
    assert main(["config", "check", str(file)]) == 2
    error = capsys.readouterr().err
    assert f"{file}:{line}: {key}: " in error
    assert remedy in error


@pytest.mark.parametrize(
    ("command", "text", "error"),
    [
        (
            "serve",
            '[gateway.pools.a]\nbackends = ["tcp://x"]',
            ":1: gateway.pools.a: a server has no pools: run `smbquic gateway`",
        ),
        ("gateway", SHARE, ":2: shares.data: a gateway has no shares: run `smbquic serve`"),
        (
            "gateway",
            '[traces]\nendpoint = "http://c"',
            ":2: traces.endpoint: a gateway sees no requests to trace: run `smbquic serve`",
        ),
        (
            "gateway",
            'run_as = "no-such-user"\nlisten = ["quic://127.0.0.1:0"]\n'
            f'{CERTIFICATE}[gateway.pools.a]\nbackends = ["tcp://x"]',
            ":1: run_as: there is no user 'no-such-user': add it, or use another",
        ),
        ("serve", f'{SHARE}[[certificate]]\nfile = "junk"', ":5: certificate[1].file: "),
        ("gateway", '[[certificate]]\nfile = "junk"', ":2: certificate[1].file: "),
    ],
)
def test_the_programs_say_the_same(
    place: Path, command: str, text: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place / "smbquic.toml"
    file.write_text(text)
    assert main([command, "-c", str(file)]) == 2
    assert f"{file}{error}" in capsys.readouterr().err


def test_a_certificate_that_clients_refuse_is_a_warning(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place / "smbquic.toml"
    text = '[[certificate]]\nfile = "client.pem"\nkey = "client.key"\nnames = ["fs.example"]\n'
    file.write_text(SHARE + text)
    assert main(["config", "check", str(file)]) == 0
    assert f"{file}:5: certificate[1].file: {place / 'client.pem'}: " in capsys.readouterr().err


def test_a_right_one(place: Path) -> None:
    file = place / "smbquic.toml"
    file.write_text(SHARE + CERTIFICATE + '[audit]\nfile = "audit"\n')
    assert config.check_contents(file, config.load(file)) == []
