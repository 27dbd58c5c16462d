"""The user that an authentication was for."""

from smbquic.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """The account that a session belongs to.

    Two sessions of one account have equal identities, however the client spelled its name: `user`
    and `domain` are the server's own, except for a guest, whose names are what the client said.
    `groups` are the names of those that the account is in.
    """

    user: str
    domain: str
    guest: bool = False
    anonymous: bool = False
    groups: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.anonymous:
            return "anonymous"
        name = f"{self.domain}\\{self.user}" if self.domain else self.user
        return f"{name} (guest)" if self.guest else name
