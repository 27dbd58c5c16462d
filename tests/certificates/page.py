"""`docs/reference/certificates-refused.md`, made from the tables that the tests go through."""

from collections.abc import Iterator, Sequence

from smbquic.pki import Purpose
from tests.certificates.bad import BAD
from tests.certificates.good import GOOD, Good
from tests.certificates.row import ACCEPTED, NOT_ASKED, SERVER, Bad

ALERTS = {
    "expired": 45,
    "no-certificate": 116,
    "no-revocation-list": 80,
    "revocation-list-expired": 80,
    "revoked": 44,
    "unknown-ca": 48,
    "unsupported-key": 43,
    "wrong-key": 51,
}
"""The TLS alert ([RFC8446] 6) for each reason that has one of its own."""
BAD_CERTIFICATE = 42
DECODE_ERROR = 50

_HEAD = """\
# Certificates that are refused

This page is made from the tables that the tests go through, row by row, on real connections and at
both ends, and a test compares the two:
`python -m tests.certificates > docs/reference/certificates-refused.md`. Nothing is wrong with a
certificate but what its row says. After each refusal there is no session, and the same server lets
a good one in.

- The *reason* is a word for programs: in `HandshakeError.reason`, in what `smbquic pki verify
  --json` prints, and in the `handshake-failure` of the audit log of a server that refuses a client.
- The end that refuses *says* why. The other end gets the TLS *alert* and the same sentence with it,
  up to 300 bytes; so it is in the audit log, too, of a server that a client refuses.
- *At its start* a server says what is wrong with its own certificate, in its log. *Warning* marks
  what may be right. All else is a problem, and a server that is given such files while it runs goes
  on with those it has. Whom its clients trust, what is revoked, and by which name it will be asked
  for, it cannot know.
- *OpenSSL* is what `openssl verify -x509_strict -auth_level 2` says of the same files, with the
  purpose and the name. Where it accepts what is refused here, the row says why.
- What is shown is for a server; a client's is the same but for the end that it is meant for.
"""


def alert(row: Bad, purpose: Purpose) -> int:
    """The TLS alert that the end with that certificate gets."""
    if row.reason == "no-certificate" and purpose is Purpose.SERVER:
        return DECODE_ERROR
    return ALERTS.get(row.reason, BAD_CERTIFICATE)


def page() -> str:
    """The whole page."""
    servers = sum(Purpose.SERVER in row.ends for row in BAD)
    clients = sum(Purpose.CLIENT in row.ends for row in BAD)
    lines = [
        _HEAD,
        f"## Refused: {servers} of servers, {clients} of clients",
        "",
        *_table(
            ("what is wrong", "reason", "says", "alert", "a server at its start", "OpenSSL"),
            map(_refused, BAD),
        ),
        "",
        f"## Accepted: {len(GOOD)}",
        "",
        *_table(("what is unusual", "a server at its start"), map(_accepted, GOOD)),
    ]
    return "\n".join(lines) + "\n"


def _refused(row: Bad) -> Sequence[str]:
    numbers = dict.fromkeys(str(alert(row, purpose)) for purpose in row.ends)
    start = _code(row.at_start) if row.at_start else ""
    if row.warns:
        start += " (warning)"
    elif row.refuses:
        start += " (does not start)"
    openssl = {ACCEPTED: f"accepts it: {row.stricter}", NOT_ASKED: ""}
    return (
        row.name + (" (server)" if row.ends == SERVER else ""),
        _code(row.reason),
        _code(row.words(Purpose.SERVER)),
        ", ".join(numbers),
        start,
        openssl.get(row.openssl, _code(row.openssl)),
    )


def _accepted(row: Good) -> Sequence[str]:
    left = " (not taken up while it runs)" if row.problem else ""
    return (
        row.name + (" (server)" if row.ends == SERVER else ""),
        _code(row.warned) + left if row.warned else "",
    )


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(each.replace('|', '/') for each in row)} |"
