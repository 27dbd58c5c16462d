"""One certificate or chain that nobody should accept, and what is said about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smbquic.pki import Purpose
from tests.certificates.faults import OTHER
from tests.certificates.making import NAME, RevocationLists, Shown, World

SERVER = (Purpose.SERVER,)
BOTH = tuple(Purpose)

ACCEPTED = "accepted"
NOT_ASKED = "-"
"""For what cannot be seen without a handshake."""


@dataclass(frozen=True)
class Bad:
    """One fault, and what is said about it at both ends.

    `reason` and `says` are of the end that is shown the certificate, `at_start` of the server that
    shows it, about itself; empty where it cannot know. With `warns` that is a warning, and the
    same files are taken when it reloads; where it `refuses`, it does not even start. `openssl` is
    a part of what `openssl verify` says, or `ACCEPTED`, for which `stricter` says why we do not.
    """

    name: str
    make: Callable[[World, Purpose], Shown]
    reason: str
    says: str
    openssl: str
    at_start: str = ""
    ends: Sequence[Purpose] = BOTH
    asked: str = NAME
    lists: RevocationLists = RevocationLists.NONE
    warns: bool = False
    refuses: bool = False
    stricter: str = ""

    def words(self, purpose: Purpose) -> str:
        """`says`, of the certificate for that end."""
        return self.says.format(end=purpose, other=OTHER[purpose])
