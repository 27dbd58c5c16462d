"""The credentials of a client."""

from dataclasses import field

from smbquic.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password. `user` may be in the form ``user@domain``, without `domain`."""

    user: str
    password: str = field(repr=False)
    domain: str = ""
