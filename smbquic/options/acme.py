"""A certificate that the server gets from an ACME server. [RFC 8555]"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from smbquic.lazy_dataclass import dataclass
from smbquic.options.headings import CERTIFICATE
from smbquic.options.kinds import FilePath
from smbquic.options.model import Option, Options

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
MAX_NAMES = 100
"""The most names of one certificate; Let's Encrypt allows no more either."""


@dataclass(frozen=True, kw_only=True)
class AcmeOptions(Options):
    """A certificate that the server obtains from an ACME server, such as Let's Encrypt, and renews;
    see howto/acme.md. Who writes this table agrees to the terms of service of the ACME server.
    Rules for clients are in a [[certificate]] table without `file`.
    """

    names: Annotated[
        Sequence[str],
        Option(
            "The names that the certificate is for. `*.` may stand for one label if `challenge` is"
            " dns-01.",
            help="Obtain a certificate for this name from an ACME server, and renew it.",
            flag="--acme",
            heading=CERTIFICATE,
            metavar="NAME",
        ),
    ]
    email: Annotated[
        str | None,
        Option(
            "The address at which the ACME server can reach you about the account.",
            flag="--acme-email",
            heading=CERTIFICATE,
            metavar="ADDRESS",
        ),
    ] = None
    directory: Annotated[
        str,
        Option(
            "The URL of the ACME server's directory.",
            flag="--acme-directory",
            heading=CERTIFICATE,
            metavar="URL",
            default="Let's Encrypt's",
        ),
    ] = LETS_ENCRYPT
    ca: Annotated[
        Path | None,
        Option(
            "The authorities, PEM, that the ACME server's own certificate is verified with.",
            default="those of the system",
            flag="--acme-ca",
            heading=CERTIFICATE,
        ),
    ] = None
    state: Annotated[
        Path | None,
        Option(
            "The folder for the account's key and the certificate with its key. Its owner only can"
            " read it.",
            kind=FilePath("folder"),
            default="acme in the user's data folder",
        ),
    ] = None
    challenge: Annotated[
        Literal["http-01", "dns-01"],
        Option("How the ACME server verifies that the names are yours: by HTTP, or by DNS."),
    ] = "http-01"
    http_listen: Annotated[
        str,
        Option(
            "HOST:PORT at which http-01 is answered; without HOST at all addresses. The ACME server"
            " connects to port 80, which may be forwarded to another port.",
            key="listen",
            flag="--acme-listen",
            heading=CERTIFICATE,
            metavar="HOST:PORT",
        ),
    ] = ":80"
    webroot: Annotated[
        Path | None,
        Option(
            "A folder of a web server that has port 80: the answers to http-01 are put into its"
            " `.well-known/acme-challenge`, and nothing listens at `listen`.",
            kind=FilePath("folder"),
        ),
    ] = None
    hook: Annotated[
        Path | None,
        Option(
            "A program that publishes and removes the answers to challenges; dns-01 needs it. Its"
            " arguments are those of dehydrated's hooks: `deploy_challenge` or `clean_challenge`,"
            " the name, the token, and the answer.",
        ),
    ] = None
    eab_key_id: Annotated[
        str | None,
        Option("The key ID of the external account that the ACME account belongs to."),
    ] = None
    eab_key_file: Annotated[
        Path | None,
        Option(
            "The HMAC key of the external account, base64url, on the first line.\n\nNot readable by"
            " others."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Check every value, and whether they fit each other."""
        super().__post_init__()
        if not 1 <= len(self.names) <= MAX_NAMES:
            raise ValueError(f"names: write one to {MAX_NAMES} names")
        if not self.directory.startswith("https://"):
            raise ValueError(f"directory: {self.directory!r} is no URL that begins with https://")
        if self.webroot is not None and self.hook is not None:
            raise ValueError("webroot and hook exclude each other: leave one out")
        if self.challenge == "dns-01" and self.hook is None:
            raise ValueError("challenge: dns-01 needs a program that changes the DNS: add hook")
        if self.challenge == "http-01" and any(name.startswith("*.") for name in self.names):
            raise ValueError('names: a name with "*." needs challenge = "dns-01"')
        if (self.eab_key_id is None) != (self.eab_key_file is None):
            raise ValueError("eab_key_id and eab_key_file need each other: give both")

    @property
    def serves_http(self) -> bool:
        """Whether the server itself answers http-01."""
        return self.webroot is None and self.hook is None
