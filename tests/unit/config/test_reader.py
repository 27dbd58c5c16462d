"""The configuration file: what it says, and what is said about its mistakes."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic import config
from smbquic.auth.users import UserStore
from smbquic.observe.audit import RotatingFile, open_sink
from smbquic.options.acme import AcmeOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.connection_ids import ConnectionIdOptions
from smbquic.options.limits import Limits
from smbquic.options.server import DEFAULT_LISTEN
from smbquic.options.traces import TraceOptions
from smbquic.options.web import WebOptions
from smbquic.pki import PkiDirectory
from smbquic.pki.acme.store import AcmeStore
from smbquic.protocol.settings import EncryptionOverQuic, EncryptionPolicy, SigningPolicy
from smbquic.wire.negotiate import Dialect


@pytest.fixture
def place(tmp_path: Path, pki: PkiDirectory) -> Path:
    """A folder with what a configuration may name."""
    (tmp_path / "data").mkdir()
    store = UserStore()
    store.add("bob", "secret")
    store.save(tmp_path / "users.txt")
    for name in ("server.pem", "server.key", "ca.pem", "crl.pem"):
        (tmp_path / name).write_bytes((pki.path / name).read_bytes())
    return tmp_path


def load(place: Path, text: str) -> config.Configuration:
    file = place / "smbquic.toml"
    file.write_text(text)
    return config.load(file)


WHOLE = """
listen = ["quic://127.0.0.1:0", "tcp://127.0.0.1:0"]
server_name = "FS"
users_file = "users.txt"
guest = true
signing = "negotiated"
encrypt = true
smb_encryption_over_quic = "require"
minimum_dialect = "2.1"
engine = "aioquic"
congestion = "bbr"
tls_ciphers = ["AES-256-GCM"]
tls_groups = ["P-384", "P-256"]
private_names = ["fs.local"]

[users]
alice = "wonder # land"

[shares.data]
path = "data"
read_only = true
comment = \"\"\"
[shares.trap]
path = 7
\"\"\"

[shares."with space"]
path = "data"
encrypt = true

[[certificate]]
file = "server.pem"
key = "server.key"
names = ["fs.example", "*.fs.example"]
default = true
client_ca = "ca.pem"
client_crl = "crl.pem"
allow = ["san:*.clients.example", "issuer:Example CA"]
deny = []
logons = ["subject:* -> {}"]
pipes = true

[[certificate]]
file = "server.pem"
key = "server.key"
password_file = "users.txt"

[connection_ids]
server_id = "c0ffee"
key_file = "server.key"
nonce_size = 8
rotation = 1

[limits]
opens = 7
failed_logon_delay = 1

[web]
listen = "127.0.0.1:9445"
hosts = ["fs.example"]

[traces]
endpoint = "http://127.0.0.1:4318"
share = 0.5

[audit]
file = "audit.jsonl"
keep = 2
file_access = true
"""


@pytest.mark.parametrize(
    ("location", "expected"),
    [("memory:64M", "memory:64M"), ("local:data", "data"), ("odd:name", "odd:name")],
)
def test_shares_of_storages(place: Path, location: str, expected: str) -> None:
    (place / "odd:name").mkdir()

    (share,) = load(place, f'[shares.tmp]\npath = "{location}"').shares

    assert share.path == (expected if location.startswith("memory") else place / expected)


def test_everything_at_once(place: Path) -> None:
    found = load(place, WHOLE)
    assert found.listen == ("quic://127.0.0.1:0", "tcp://127.0.0.1:0")
    assert (found.server_name, found.guest) == ("FS", True)
    assert found.signing is SigningPolicy.NEGOTIATED
    assert found.encryption is EncryptionPolicy.REQUIRED
    assert found.encryption_over_quic is EncryptionOverQuic.REQUIRE
    assert found.minimum_dialect is Dialect.SMB_2_1
    assert (found.engine, found.congestion) == ("aioquic", "bbr")
    assert (found.tls_ciphers, found.tls_groups) == (("AES-256-GCM",), ("P-384", "P-256"))
    assert found.private_names == ("fs.local",)
    assert sorted(found.users.names()) == ["alice", "bob"]
    data, spaced = found.shares
    assert (data.name, data.path, data.read_only) == ("data", place / "data", True)
    assert (data.encrypt, spaced.encrypt) == (False, True)
    assert (spaced.name, spaced.read_only, spaced.comment) == ("with space", False, "")
    first, second = found.certificates
    assert first.certificate == place / "server.pem"
    assert first.names == ("fs.example", "*.fs.example")
    assert (first.default, second.default) == (True, False)
    assert first.allow == ("san:*.clients.example", "issuer:Example CA")
    assert (first.deny, first.logons) == ((), ("subject:* -> {}",))
    assert (second.allow, second.deny, second.logons) == (None, None, None)
    assert (first.pipes, second.pipes) == (True, None)
    assert (first.password_file, second.password_file) == (None, place / "users.txt")
    assert found.connection_ids == ConnectionIdOptions(
        server_id=b"\xc0\xff\xee", key_file=place / "server.key", nonce_size=8, rotation=1
    )
    assert (found.limits.opens, found.limits.failed_logon_delay) == (7, 1.0)
    assert found.limits.trees == Limits().trees
    assert found.web == WebOptions(address="127.0.0.1:9445", host_names=("fs.example",))
    assert found.traces == TraceOptions(endpoint="http://127.0.0.1:4318", share=0.5)
    assert found.audit is not None
    assert (found.audit.file, found.audit.keep) == (place / "audit.jsonl", 2)
    assert found.audit.file_access
    audit = open_sink(found.audit)
    assert isinstance(audit, RotatingFile)
    audit.write("x\n")
    audit.close()
    assert (place / "audit.jsonl").read_text() == "x\n"


def test_nothing_at_all(place: Path) -> None:
    found = load(place, "")
    assert found.listen == DEFAULT_LISTEN
    assert (found.shares, found.certificates, found.users.names()) == ((), (), [])
    assert found.encryption is EncryptionPolicy.ALLOWED
    assert found.encryption_over_quic is EncryptionOverQuic.SKIP
    assert found.minimum_dialect is Dialect.SMB_3_0
    assert found.signing is SigningPolicy.REQUIRED
    assert found.limits == Limits()
    assert found.connection_ids == ConnectionIdOptions()
    assert found.audit is None


def test_audit_records_on_standard_output(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit = load(place, '[audit]\nfile = "-"').audit
    assert audit is not None
    open_sink(audit).write("x\n")
    assert capsys.readouterr().out == "x\n"


def test_a_certificate_from_an_acme_server(place: Path) -> None:
    acme = '[acme]\nnames = ["fs.example"]\nstate = "state"\nemail = "admin@fs.example"\n'
    found = load(place, acme)
    assert found.acme == AcmeOptions(
        names=("fs.example",), state=place / "state", email="admin@fs.example"
    )
    file = AcmeStore(found.acme).certificate
    assert file.is_relative_to(place / "state")
    assert found.certificates == (IdentityFiles(certificate=file, key=file, default=True),)


def test_rules_for_the_certificate_from_an_acme_server(place: Path) -> None:
    acme = '[acme]\nnames = ["fs.example"]\n'
    rules = '[[certificate]]\nclient_ca = "ca.pem"\nallow = ["san:*"]\n'
    other = '[[certificate]]\nfile = "server.pem"\n'
    (only,) = load(place, acme + rules).certificates
    assert only.certificate == only.key
    assert (only.client_ca, only.allow, only.default) == (place / "ca.pem", ("san:*",), True)
    first, second = load(place, acme + rules + other).certificates
    assert (first.certificate, second.certificate) == (only.certificate, place / "server.pem")
    first, second = load(place, acme + other).certificates
    assert (second.certificate, second.client_ca) == (only.certificate, None)
    assert (first.default, second.default) == (True, False)


def test_an_only_certificate_is_the_default(place: Path) -> None:
    (only,) = load(place, '[[certificate]]\nfile = "server.pem"').certificates
    assert only.default
    (only,) = load(place, '[[certificate]]\nfile = "server.pem"\ndefault = false').certificates
    assert not only.default


def test_an_empty_list_of_rules_is_a_list(place: Path) -> None:
    text = '[[certificate]]\nfile = "server.pem"\nclient_ca = "ca.pem"\n'
    (without,) = load(place, text).certificates
    (empty,) = load(place, text + "allow = []\n").certificates
    assert (without.allow, empty.allow) == (None, ())


@pytest.mark.parametrize(
    ("text", "line", "key", "remedy"),
    [
        ('\nlisen = ["x"]', 2, "lisen", "did you mean listen?"),
        ("zzz = 1", 1, "zzz", "there are listen,"),
        ("bogus = 1", 1, "bogus", "there are listen,"),
        ('share = "x"', 1, "share", "did you mean shares?"),
        ('listen = "quic://x"', 1, "listen", "a list of strings"),
        ("listen = [1]", 1, "listen", "every element must be a string"),
        ('listen = ["http://x"]', 1, "listen", "listen on quic://HOST:PORT"),
        ("guest = 1", 1, "guest", "write true or false"),
        ('engine = "quiche"', 1, "engine", "not one of auto, aioquic, qh3"),
        ('congestion = "vegas"', 1, "congestion", "not one of cubic, bbr, reno"),
        ('tls_ciphers = ["RC4"]', 1, "tls_ciphers", "'RC4' is not one of AES-128-GCM,"),
        ("tls_groups = []", 1, "tls_groups", "write one or more of X25519MLKEM768, X25519,"),
        ('users_file = "none.txt"', 1, "users_file", "paths are relative to this file"),
        ('private_names = ["a b"]', 1, "private_names", "neither a DNS name"),
        ("[users]\n\nalice = 7", 3, "users.alice", 'write NAME = "password"'),
        ('users_file = "users.txt"\n[users]\nBob = "x"', 3, "users.Bob", "leave one out"),
        ('[users]\n"a:b" = "x"', 2, "users.a:b", "a:b"),
        ('users = "alice"', 1, "users", "write [users]"),
        ("shares = 7", 1, "shares", "write [shares.NAME]"),
        ("[shares]\ndata = 7", 2, "shares.data", "write [shares.NAME]"),
        ("[shares.data]\n", 1, "shares.data", "path is missing"),
        ('[shares."a/b"]\npath = "data"', 1, "shares.a/b", "cannot be the name of a share"),
        ('[shares.data]\npath = "nowhere"', 2, "shares.data.path", "is not a folder"),
        ('[shares.data]\npath = 7', 2, "shares.data.path", "wrong type"),
        ('[shares.data]\npath = "what:ever"', 2, "shares.data.path", "none of the schemes local"),
        ('[shares.data]\npath = "local:none"', 2, "shares.data.path", "is not a folder"),
        ('shares.data.path = "nowhere"', 1, "shares.data.path", "is not a folder"),
        ('[shares]\ndata = { path = "nowhere" }', 2, "shares.data.path", "is not a folder"),
        (
            '[shares.data]\npath = "data"\n[shares.DATA]\npath = "data"',
            3, "shares.DATA", "case is the same",
        ),
        ('[shares.data]\npath = "data"\nreadonly = true', 3, "shares.data.readonly", "read_only?"),
        ("[certificate]\n", 1, "certificate", "two brackets"),
        ("[acme]\n", 1, "acme", "names is missing"),
        ('[acme]\nnames = ["a b"]', 2, "acme.names", "neither a DNS name"),
        ('[acme]\nnames = []', 1, "acme", "write one to 100 names"),
        ('[acme]\nnames = ["a"]\nlisten = ":x"', 3, "acme.listen", "is not a port"),
        ('[acme]\nnames = ["a"]\nchallenge = "tls-alpn-01"', 3, "acme.challenge", "http-01"),
        ('[acme]\nnames = ["a"]\nhook = "none"', 3, "acme.hook", "there is no file"),
        ('[acme]\nnames = ["a"]\nemial = "x"', 3, "acme.emial", "did you mean email?"),
        ('acme = { names = ["a"], directory = "http://x" }', 1, "acme", "begins with https://"),
        (
            '[acme]\nnames = ["a"]\n[[certificate]]\n[[certificate]]\n',
            4, "certificate[2]", "only one certificate table may be without a file",
        ),
        (
            '[acme]\nnames = ["a"]\n[[certificate]]\nkey = "server.pem"',
            4, "certificate[1].key", "there is no such key",
        ),
        ("[[certificate]]\n", 1, "certificate[1]", "file is missing"),
        ("certificate = [7]", 1, "certificate[1]", "write [[certificate]]"),
        (
            '[[certificate]]\nfile = "server.pem"\n\n[[certificate]]\nfile = "x"',
            5, "certificate[2].file", "there is no file",
        ),
        (
            '[[certificate]]\nfile = "server.pem"\nnames = ["a b"]',
            3, "certificate[1].names", "neither a DNS name",
        ),
        (
            '[[certificate]]\nfile = "server.pem"\nallow = ["cn:x"]',
            3, "certificate[1].allow", "write sha256:HEX",
        ),
        (
            '[[certificate]]\nfile = "server.pem"\ndeny = ["san:x"]',
            3, "certificate[1].deny", "say with client_ca whose",
        ),
        (
            '[[certificate]]\nfile = "server.pem"\nlogons = []',
            3, "certificate[1].logons", "say with client_ca whose",
        ),
        (
            '[[certificate]]\nfile = "server.pem"\nlogons = ["san:x"]',
            3, "certificate[1].logons", "write RULE -> USER",
        ),
        (
            '[[certificate]]\nfile = "server.pem"\nlogons = "san:x -> y"',
            3, "certificate[1].logons", "a list of rules",
        ),
        ("[limits]\nopens = true", 2, "limits.opens", "write a whole number"),
        ("[limits]\nopens = 1.5", 2, "limits.opens", "write a whole number"),
        ("[limits]\nopens = -1", 2, "limits.opens", "of at least 0"),
        ("[limits]\nlogon_seconds = nan", 2, "limits.logon_seconds", "of at least 0"),
        ('[connection_ids]\nserver_id = "x"', 2, "connection_ids.server_id", "hexadecimal digits"),
        ("[connection_ids]\nnonce_size = 3", 2, "connection_ids.nonce_size", "from 4 to 18"),
        ("[connection_ids]\nrotation = 7", 2, "connection_ids.rotation", "from 0 to 6"),
        ('[web]\nlisten = ":9445"', 2, "web.listen", "HOST:PORT"),
        ('[traces]\nendpoint = "localhost:4318"', 2, "traces.endpoint", "http://HOST:PORT"),
        ("[traces]\nshare = 1.5", 2, "traces.share", "from 0 to 1"),
        ("limits = 7", 1, "limits", "write [limits]"),
        ("[audit]\nkeep = 1", 1, "audit", "file is missing"),
    ],
)  # fmt: skip
def test_mistakes(place: Path, text: str, line: int, key: str, remedy: str) -> None:
    with pytest.raises(config.ConfigError) as refused:
        load(place, text)
    assert str(refused.value).startswith(f"{place / 'smbquic.toml'}:{line}: {key}: ")
    assert remedy in str(refused.value)


def test_what_is_no_toml(place: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"smbquic.toml:2: this is not TOML: .*quotes"):
        load(place, "guest = true\nserver_name = FS\n")
    with pytest.raises(config.ConfigError, match=r"smbquic.toml: this is not TOML"):
        load(place, "[limits")
    for text in ("a = " + "[" * 5000, "a = " + "9" * 5000):
        with pytest.raises(config.ConfigError, match="too long, or brackets are nested too deep"):
            load(place, text)
    with pytest.raises(config.ConfigError, match="cannot be read: No such file"):
        config.load(place / "none.toml")
    (place / "latin.toml").write_bytes(b"server_name = 'caf\xe9'")
    with pytest.raises(config.ConfigError, match="not UTF-8"):
        config.load(place / "latin.toml")


@given(st.text(alphabet="abglisten[]=.\"'\n #{}1,", max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(text)
    with contextlib.suppress(config.ConfigError):
        config.load(file)
