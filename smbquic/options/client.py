"""The options of a client: how it reaches a server, trusts it, speaks to it and logs on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import urlsplit

from smbquic.lazy_dataclass import dataclass
from smbquic.options.headings import COMMON, CONNECTION, TLS
from smbquic.options.model import Option, Options
from smbquic.options.quic import EngineOptions, TlsOptions
from smbquic.protocol.settings import EncryptionPolicy

DnsMode = Literal["system", "doh", "doh-only"]
"""`doh` falls back to the system where the server does not answer, `doh-only` does not."""
TIMEOUT = 10.0
"""Seconds, by default, until a server has to have answered."""


MOST_CHANNELS = 32
"""Connections of one session at most, as on Windows and in Samba."""
RECONNECT_TIMEOUT = 60.0
"""Seconds, by default, for which a connection that was lost is tried to be made again."""


class Tickets(Protocol):
    """A store of TLS tickets; `smbquic.TicketCache` is one in memory."""

    def put(self, key: tuple[object, ...], ticket: Any) -> None:
        """Keep a ticket."""

    def take(self, key: tuple[object, ...]) -> Any:
        """Remove and return the newest valid ticket for `key`; None without one."""


@dataclass(frozen=True, kw_only=True)
class TrustOptions(Options):
    """Options for trust over QUIC: in which servers, and by which certificate of the client.

    A server's certificate has to come from `ca`, carry the URL's host name, and be on none of the
    revocation lists in `crl`, where its issuer has to have one then.
    """

    ca: Annotated[
        Path | str | None,
        Option(
            "Trust the authorities of this PEM file instead of the system's.",
            environment="SMBQUIC_CA",
            heading=TLS,
            flag="--ca",
        ),
    ] = None
    crl: Annotated[
        Path | str | None,
        Option(
            "Refuse what is on these revocation lists, PEM.",
            environment="SMBQUIC_CRL",
            heading=TLS,
            flag="--crl",
        ),
    ] = None
    insecure: Annotated[
        bool, Option("Trust any certificate. Not for real data.", heading=TLS, flag="--insecure")
    ] = False
    client_certificate: Annotated[
        Path | str | None,
        Option(
            "The client's certificate, where the server asks for one.\n\nA PEM chain, the leaf"
            " first.",
            flag="--client-cert",
            heading=TLS,
        ),
    ] = None
    client_key: Annotated[
        Path | str | None, Option("The key of that certificate.", heading=TLS, flag="--client-key")
    ] = None
    tickets: Annotated[
        Tickets | None,
        Option(
            "A cache that lets connections resume the TLS sessions of earlier ones, with the same"
            " server and the same trust.",
            default="one of its own",
        ),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("a client certificate and its key come together")


@dataclass(frozen=True, kw_only=True)
class ResolverOptions(Options):
    """Options for the resolution of host names."""

    dns: Annotated[
        DnsMode,
        Option(
            "The resolver of the host's name; doh asks --doh-url first, doh-only asks only that.",
            heading=CONNECTION,
            flag="--dns",
        ),
    ] = "system"
    doh_url: Annotated[
        str | None,
        Option(
            "A server for DNS over HTTPS, as in https://dns.example/dns-query.",
            metavar="URL",
            heading=CONNECTION,
            flag="--doh-url",
        ),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dns != "system" and self.doh_url is None:
            raise ValueError(f"dns {self.dns} needs the URL of a server for DNS over HTTPS")
        if self.doh_url is not None:
            parts = urlsplit(self.doh_url)
            if parts.scheme != "https" or not parts.hostname:
                raise ValueError(
                    f"{self.doh_url} is not a URL of DNS over HTTPS: write https://HOST/PATH"
                )


@dataclass(frozen=True, kw_only=True)
class TransportOptions(TlsOptions, TrustOptions, ResolverOptions, EngineOptions):
    """Options for the connection to a server. Those of QUIC have no effect over TCP."""

    timeout: Annotated[
        float,
        Option(
            "How long to wait until the server has answered.\n\nA server that takes no more"
            " connections now is asked again meanwhile.",
            unit="seconds",
            minimum=0.1,
            heading=CONNECTION,
            flag="--timeout",
        ),
    ] = TIMEOUT
    transport: Annotated[
        Sequence[str],
        Option(
            "The transports to try, the preferred one first.\n\nThe next one is tried if the former"
            " fails, or has not connected after a second. A server that answers and has the wrong"
            " certificate is an error. The port of the URL is that of its own transport; the other"
            " one has its usual port.",
            choices=("quic", "tcp"),
            default="that of the URL",
            heading=CONNECTION,
            flag="--transport",
        ),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions(TransportOptions):
    """Options for the connection, and for SMB on it. `timeout` also limits the first response."""

    encryption: Annotated[
        EncryptionPolicy,
        Option(
            "Demand SMB encryption, over QUIC too.\n\nQUIC encrypts anyway; by default the server"
            " decides.",
            flag="--encrypt",
            key="encrypt",
            heading=CONNECTION,
            on=EncryptionPolicy.REQUIRED,
        ),
    ] = EncryptionPolicy.ALLOWED
    guest: Annotated[
        bool,
        Option(
            "Log on as a guest, without a password.\n\nSMB neither signs nor encrypts a guest's"
            " session.",
            heading=COMMON,
            flag="--guest",
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class SessionOptions(ConnectionOptions):
    """Options for a session: those for its connection, and for the logon."""

    password: Annotated[
        str | None,
        Option("The user's password, in the place of one in the URL."),
    ] = None
    reconnect_timeout: Annotated[
        float,
        Option(
            "How long to try to connect again when the connection was lost.\n\nThe server may be"
            " restarted meanwhile. 0 gives up at once.",
            unit="seconds",
            heading=CONNECTION,
            flag="--reconnect-timeout",
        ),
    ] = RECONNECT_TIMEOUT
    channels: Annotated[
        int,
        Option(
            "How many connections to have, for reading and writing over several links.\n\nIf one is"
            " lost, the others go on. The server has to have multichannel; it says which addresses"
            " it has. On a single link, more than one connection is no faster.",
            minimum=1,
            maximum=MOST_CHANNELS,
            heading=CONNECTION,
            flag="--channels",
        ),
    ] = 1


@dataclass(frozen=True, kw_only=True)
class PasswordOptions(Options):
    """Options for the source of the password, if it is not given; one of them at most."""

    password_file: Annotated[
        Path | None,
        Option(
            "Read the password from the first line of a file.\n\nNot readable by others.",
            help="Read the password from the first line of a file, or - for standard input. Else it"
            " comes from SMBQUIC_PASSWORD, or is asked for.",
            flag="--password-file",
            heading=COMMON,
        ),
    ] = None
    authentication_file: Annotated[
        Path | None,
        Option(
            "Read username, password and domain from a file, as smbclient does.\n\nLines such as"
            " username = alice. Not readable by others.",
            flag="--authentication-file",
            short="-A",
            heading=COMMON,
        ),
    ] = None
    keyring: Annotated[
        bool,
        Option(
            "Take the password from the system's keyring.\n\nStored by: keyring set smbquic"
            " USER@HOST.",
            flag="--keyring",
            heading=COMMON,
        ),
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(map(bool, (self.password_file, self.authentication_file, self.keyring))) > 1:
            raise ValueError(
                "the password has several sources: choose one of password_file,"
                " authentication_file and keyring"
            )


@dataclass(frozen=True, kw_only=True)
class ProfileAddress(Options):
    """The server that a profile is for, and the user who logs on to it."""

    url: Annotated[
        str,
        Option("The URL of the server, or of a share or folder on it. PATH is below it."),
    ]
    user: Annotated[str, Option("The user, unless the URL names one.", default="none")] = ""
    domain: Annotated[str, Option("The user's domain.", default="none")] = ""


@dataclass(frozen=True, kw_only=True)
class ProfileOptions(SessionOptions, PasswordOptions, ProfileAddress):
    """A server, a share or a folder, which commands know as NAME:PATH, and the options for it."""


@dataclass(frozen=True, kw_only=True)
class RelayOptions(TransportOptions):
    """Options for a relay: those for its connections, and where it listens for local clients."""

    listen: Annotated[
        str,
        Option(
            "Where local clients connect. Port 0 picks a free one.",
            metavar="tcp://HOST:PORT",
            flag="--listen",
        ),
    ] = "tcp://127.0.0.1:4450"
