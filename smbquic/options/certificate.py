"""A certificate of the server, with its rules for clients."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.headings import CERTIFICATE
from smbquic.options.kinds import Texts
from smbquic.options.model import Option, Options

_RULES = Texts('["sha256:...", "san:*.example"]', "rules")


@dataclass(frozen=True, kw_only=True)
class IdentityFiles(Options):
    """A certificate of the server, one table for each. The client's server name selects one."""

    certificate: Annotated[
        Path,
        Option(
            "PEM, leaf first, then its intermediates; or PKCS #12 with its key.",
            help="The server's certificate: PEM, then its intermediates; or PKCS #12 with its key.",
            key="file",
            flag="--cert",
            heading=CERTIFICATE,
        ),
    ]
    key: Annotated[
        Path | None,
        Option(
            "The certificate's key, PEM.\n\nNot readable by others.",
            default="in the PKCS #12 file",
            heading=CERTIFICATE,
            flag="--key",
        ),
    ] = None
    password_file: Annotated[
        Path | None,
        Option(
            "The password of the key or PKCS #12 file, on the first line.\n\nNot readable by"
            " others.",
            flag="--key-password-file",
            heading=CERTIFICATE,
        ),
    ] = None
    names: Annotated[
        Sequence[str],
        Option(
            "The names it is for; `*.` may stand for one label.",
            default="those in the certificate",
        ),
    ] = ()
    default: Annotated[
        bool,
        Option(
            "Show it to clients that ask for another name, or for none.",
            default="true for an only one",
        ),
    ] = False
    client_ca: Annotated[
        Path | None,
        Option(
            "Demand client certificates from these authorities, PEM.",
            heading=CERTIFICATE,
            flag="--client-ca",
        ),
    ] = None
    client_crl: Annotated[
        Path | None,
        Option(
            "Revocation lists for client certificates, PEM.",
            heading=CERTIFICATE,
            flag="--client-crl",
        ),
    ] = None
    allow: Annotated[
        Sequence[str] | None,
        Option(
            "Accept clients whose certificate matches, and no others. RULE is sha256:HEX,"
            " issuer:NAME, subject:NAME or san:PATTERN.\n\nWith `allow` or `deny`, one rule must"
            " allow and none deny; an empty list accepts nobody.",
            kind=_RULES,
            heading=CERTIFICATE,
            metavar="RULE",
            flag="--allow",
        ),
    ] = None
    deny: Annotated[
        Sequence[str] | None,
        Option(
            "Refuse clients whose certificate matches.",
            kind=_RULES,
            heading=CERTIFICATE,
            metavar="RULE",
            flag="--deny",
        ),
    ] = None
    logons: Annotated[
        Sequence[str] | None,
        Option(
            "As which users clients may log on: a rule as above, an arrow and users, or `*` for"
            " anybody. `{}` in a user is what the `*` in the rule stands for. A client that no rule"
            " matches may not log on.",
            kind=Texts('["subject:* -> {}", "issuer:CN=Admin CA -> *"]', "rules"),
            default="anybody",
        ),
    ] = None
    pipes: Annotated[
        bool | None,
        Option(
            "List the shares to clients that ask for these names.",
            default="as pipes_over_quic",
        ),
    ] = None

    @property
    def watched(self) -> tuple[Path, ...]:
        """The files that are read again when they change."""
        files = (
            self.certificate,
            self.key,
            self.password_file,
            self.client_ca,
            self.client_crl,
        )
        return tuple(path for path in files if path is not None)
