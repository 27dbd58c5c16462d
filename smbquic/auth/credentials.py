"""The credentials of a client."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password. `user` may be in the form ``user@domain``, without `domain`."""

    user: str
    password: str = field(repr=False)
    domain: str = ""
