"""What may stand in the file: the one list from which the checks, the defaults and
`docs/reference/configuration.md` are made.
"""

from dataclasses import dataclass, fields
from typing import get_args

from smbquic.observe.audit import KEEP, MAX_BYTES
from smbquic.protocol.settings import (
    DIALECT_NAMES,
    MINIMUM_DIALECT,
    EncryptionOverQuic,
    SigningPolicy,
)
from smbquic.server.overload.limits import Limits
from smbquic.transport.quic.options import (
    CIPHERS,
    GROUPS,
    Congestion,
    EngineName,
)
from smbquic.transport.quic.tickets import TicketPolicy

DEFAULT_LISTEN = ("quic://0.0.0.0:443",)

KINDS = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": 'a text in quotes, "like this"',
    "strings": 'a list of texts, ["like", "this"]',
    "rules": 'a list of rules, ["sha256:...", "san:*.example"]',
    "logons": 'a list of rules, ["subject:* -> {}", "issuer:CN=Admin CA -> *"]',
    "file": "the path of a file, in quotes",
    "folder": "the path of a folder, in quotes",
}
"""The kinds of values, and how to write them."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a section: the kind of its value (`KINDS`), what it defaults to, what it is for."""

    name: str
    kind: str
    default: str
    text: str
    choices: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file. `header` is how it is written there, `key_text` what its names are."""

    name: str
    header: str
    text: str
    keys: tuple[Key, ...]


_LIMIT_TEXTS = {
    "connections": "Connections of one listener.",
    "connections_of_address": "Connections from one address; an IPv6 /64 counts as one.",
    "connections_of_user": "Connections on which one user has logged on.",
    "strangers": "Connections that have not logged on yet.",
    "strangers_of_address": "The same from one address.",
    "strangers_share": "The part of the processor's time that they get while users have work.",
    "half_open": "QUIC handshakes of one listener that are not over.",
    "half_open_of_address": "The same of one address, once it is proven.",
    "sessions": "Sessions of one connection.",
    "trees": "Shares that one session may be connected to.",
    "opens": "Files that one session may have open.",
    "locks": "Byte ranges that may be locked in one open.",
    "watches": "Folders that one connection may watch.",
    "pipes": "Pipes that one session may have open.",
    "pipe_bytes": "Bytes that may wait to be read of a pipe before it takes no more.",
    "pending": "Requests of one connection that may wait.",
    "logon_seconds": "Seconds until somebody must have logged on.",
    "failed_logon_delay": "Seconds until the answer to a failed logon.",
    "failed_logons": "Failed logons of one user that are borne.",
    "failed_logons_of_address": "The same from one address, or with one certificate.",
    "lockout_seconds": "Seconds in which they count, and for which no more are borne.",
    "interim_delay": "Seconds until a client hears that an answer takes longer.",
    "session_seconds": "Seconds until a session must log on again, or inf.",
    "break_seconds": "Seconds that a client has to give up what it caches.",
    "durable_seconds": "Seconds that a durable open waits for its client.",
    "disconnected": "Opens of all clients that may wait so.",
    "drain_seconds": "Seconds that clients have to finish what they are at when the server stops.",
    "slow_seconds": "Seconds within which a client has to get on with what it is sent, or sends.",
    "slow_rate": "Bytes a second that it has to get on by.",
    "buffers": "Bytes that may wait in memory, for all clients and in both directions.",
    "threads": "Pieces of work on files (flushes, copies) that one user may have done at once.",
    "user_memory": "Bytes that one user may have the server keep, in locks (256 each), changes in"
    " folders, pipes and further sessions; four times as many for all users.",
}

SECTIONS = (
    Section(
        "",
        "(the top of the file)",
        "What holds for the whole server.",
        (
            Key(
                "listen",
                "strings",
                f'["{DEFAULT_LISTEN[0]}"]',
                "Where to listen: quic://HOST:PORT or tcp://HOST:PORT.",
            ),
            Key(
                "server_name",
                "string",
                "the host's name",
                "What the server calls itself in logons.",
            ),
            Key("users_file", "file", "none", "Who may log on; see `smbquic user`."),
            Key(
                "run_as",
                "string",
                "whoever started it",
                "USER or USER:GROUP to become once the ports are bound and the keys are read;"
                " needs root. Files are served with that user's rights.",
            ),
            Key("guest", "boolean", "false", "Let unknown users in, to read."),
            Key(
                "signing",
                "string",
                f'"{SigningPolicy.REQUIRED.value}"',
                "required demands that every session but a guest's is signed or encrypted;"
                " negotiated leaves that to the clients, which lets others relay their logons.",
                tuple(each.value for each in SigningPolicy),
            ),
            Key(
                "extended_protection",
                "boolean",
                "true",
                "Refuse logons that were meant for another server or another TLS connection, where"
                " the client says for which: nobody can pass them on.",
            ),
            Key(
                "target_names",
                "strings",
                "[]",
                "Further names and addresses by which clients reach this server, such as one of a"
                " router that forwards the port. It knows its own, and those in its certificates.",
            ),
            Key("pipes_over_quic", "boolean", "false", "List the shares over QUIC too."),
            Key(
                "encrypt",
                "boolean",
                "false",
                "Demand SMB encryption. What QUIC encrypts counts where both ends skip it there.",
            ),
            Key(
                "smb_encryption_over_quic",
                "string",
                '"skip"',
                "SMB encryption within QUIC: skip leaves it out with clients that want that too,"
                " allow has it as over TCP, require demands it.",
                tuple(each.value for each in EncryptionOverQuic),
            ),
            Key(
                "minimum_dialect",
                "string",
                f'"{MINIMUM_DIALECT.label}"',
                "The oldest SMB dialect that is spoken; over QUIC it is always 3.1.1.",
                tuple(DIALECT_NAMES),
            ),
            Key("engine", "string", '"auto"', "The QUIC engine.", get_args(EngineName)),
            Key(
                "congestion",
                "string",
                '"cubic"',
                "Congestion control over QUIC; bbr is for paths that lose packets.",
                get_args(Congestion),
            ),
            Key(
                "tls_ciphers",
                "strings",
                '["AES-128-GCM", "AES-256-GCM"]',
                "The cipher suites of QUIC, the preferred one first.",
                tuple(CIPHERS),
            ),
            Key(
                "tls_groups",
                "strings",
                "all that the engine has",
                "The groups that QUIC's keys may be exchanged in. The post-quantum X25519MLKEM768"
                " needs the engine qh3.",
                tuple(GROUPS),
            ),
            Key(
                "tls_tickets",
                "string",
                '"auto"',
                "Which clients may take up their TLS sessions again, for a shorter handshake: auto"
                " leaves out those that may break on the offer, as Samba's does.",
                get_args(TicketPolicy),
            ),
            Key(
                "private_names",
                "strings",
                "[]",
                "Names for the certificate that is made where no [[certificate]] is given.",
            ),
        ),
    ),
    Section(
        "shares",
        "[shares.NAME]",
        "A folder that is shared as NAME. There is at least one.",
        (
            Key("path", "folder", "", "The folder.", required=True),
            Key("read_only", "boolean", "false", "Nobody may write."),
            Key(
                "encrypt",
                "boolean",
                "false",
                "Demand SMB encryption for this share. What QUIC encrypts counts as above.",
            ),
            Key("comment", "string", '""', "What a listing of shares shows."),
            Key(
                "links",
                "boolean",
                "false",
                "Show the symbolic links that stay within the share, and let clients make such."
                " They follow them themselves; the server never does (Linux).",
            ),
        ),
    ),
    Section(
        "certificate",
        "[[certificate]]",
        "A certificate of the server. One table for each; clients choose by the name they ask for.",
        (
            Key(
                "file",
                "file",
                "",
                "PEM, leaf first, then its intermediates; or PKCS #12.",
                required=True,
            ),
            Key(
                "key",
                "file",
                "in the PKCS #12 file",
                "The private key, PEM; not readable by others.",
            ),
            Key(
                "password_file",
                "file",
                "none",
                "The password of the key or PKCS #12 file, on the first line; not readable by"
                " others.",
            ),
            Key(
                "names",
                "strings",
                "those in the certificate",
                "The names it is for; `*.` may stand for one label.",
            ),
            Key(
                "default",
                "boolean",
                "true for an only one",
                "Show it to clients that ask for another name, or for none.",
            ),
            Key(
                "client_ca",
                "file",
                "none",
                "Demand client certificates from these authorities, PEM.",
            ),
            Key("client_crl", "file", "none", "Revocation lists for them, PEM."),
            Key(
                "allow",
                "rules",
                "none",
                "Clients to let in: sha256:HEX, issuer:NAME,"
                " subject:NAME, san:PATTERN. With `allow` or `deny`, one rule must allow and none"
                " deny; an empty list lets nobody in.",
            ),
            Key("deny", "rules", "none", "Clients to keep out."),
            Key(
                "logons",
                "logons",
                "anybody",
                "Whom clients may log on as: a rule as above, an arrow and users, or `*` for"
                " anybody. `{}` in a user is what the `*` in the rule stands for. A client that no"
                " rule is about may not log on.",
            ),
            Key(
                "pipes",
                "boolean",
                "as pipes_over_quic",
                "List the shares to clients that ask for these names.",
            ),
        ),
    ),
    Section(
        "users", "[users]", 'NAME = "password". A users file keeps no passwords: prefer it.', ()
    ),
    Section(
        "limits",
        "[limits]",
        "How much one client may hold, and how many may come.",
        tuple(
            Key(
                each.name,
                "integer" if isinstance(each.default, int) else "number",
                str(each.default),
                _LIMIT_TEXTS.get(each.name, ""),
            )
            for each in fields(Limits)
        ),
    ),
    Section(
        "audit",
        "[audit]",
        "Where audit records go; see audit.md. Without this table there are none. What is done"
        " before a logon goes to a file beside, FILE.unauthenticated.",
        (
            Key("file", "string", "", 'A file, or "-" for standard output.', required=True),
            Key(
                "max_bytes",
                "integer",
                str(MAX_BYTES),
                "A new file is begun before this size; 0 leaves that to others (logrotate).",
            ),
            Key("keep", "integer", str(KEEP), "How many files to keep besides."),
            Key(
                "file_access",
                "boolean",
                "false",
                "Record every open, rename, link and deletion of a file as well.",
            ),
        ),
    ),
)
