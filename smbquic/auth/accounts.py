"""The accounts that a server knows, wherever they are kept."""

from dataclasses import field
from typing import Protocol

from smbquic.lazy_dataclass import dataclass

_EMPTY = bytes.fromhex("31d6cfe0d16ae931b73c59d7e0c089c0")
"""The NT hash of the empty password."""


@dataclass(frozen=True, slots=True)
class Account:
    """A name, spelled as it was added, the NT hash (16 bytes) of its password, and its groups."""

    name: str
    nt_hash: bytes = field(repr=False)
    groups: tuple[str, ...] = ()

    @property
    def has_password(self) -> bool:
        """Return whether the password is not empty, as in a file that another program wrote."""
        return self.nt_hash != _EMPTY


class AccountStore(Protocol):
    """A source of accounts; `UserStore` is one in a file."""

    def find(self, name: str) -> Account | None:
        """Return the account that a client means by `name`, in any case, or None."""
