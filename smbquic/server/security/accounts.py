"""The SIDs of users and groups for security descriptors. [MS-DTYP] 2.4.2, 2.5.2

The SID of a user or group is derived from its name only. So it is the same after a restart, on a
machine that was renamed, in a container whose host name changes, and on another server that the
disk was moved to. Two names of one server have the same SID only if they collide in 31 bits.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Final

from smbquic.auth.identity import Identity
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.dtyp.sid import (
    ANONYMOUS,
    AUTHENTICATED_USERS,
    BUILTIN_GUESTS,
    BUILTIN_USERS,
    EVERYONE,
    NETWORK,
    Sid,
)

# S-1-5-21 and 96 bits that stand for all servers of this kind.
_NT_AUTHORITY: Final = 5
_DOMAIN: Final = (21, 0x534D4251, 0x55494331, 0x4C4F4341)
# In Windows, numbers below 1000 have the same meaning in every domain.
_FIRST_USER: Final = 1000
_DOMAIN_USERS: Final = 513
_DOMAIN_GUESTS: Final = 514

PRIMARY_GROUP: Final = Sid(_NT_AUTHORITY, (*_DOMAIN, _DOMAIN_USERS))
"""The group of files that a user creates."""
_GUEST_GROUP: Final = Sid(_NT_AUTHORITY, (*_DOMAIN, _DOMAIN_GUESTS))


@dataclass(frozen=True, slots=True)
class Token:
    """The SIDs that a session acts as ([MS-DTYP] 2.5.2). There are no privileges.

    `account` is the number that stands for the user where a SID is too long, 0 for guests.
    """

    user: Sid
    primary_group: Sid
    sids: frozenset[Sid]
    account: int = 0


@lru_cache(maxsize=1024)
def token_of(identity: Identity) -> Token:
    """Return the token of a user who has logged on."""
    if identity.anonymous:
        return Token(ANONYMOUS, ANONYMOUS, frozenset({ANONYMOUS, NETWORK}))
    if identity.guest:
        groups = {_GUEST_GROUP, BUILTIN_GUESTS, EVERYONE, NETWORK}
        # The name of a guest was not verified, so it gets no SID.
        return Token(BUILTIN_GUESTS, _GUEST_GROUP, frozenset(groups))
    account = account_of(identity.user)
    user = sid_of(account)
    groups = {PRIMARY_GROUP, BUILTIN_USERS, EVERYONE, AUTHENTICATED_USERS, NETWORK}
    groups.update(map(group_sid, identity.groups))
    return Token(user, PRIMARY_GROUP, frozenset({user, *groups}), account)


def account_of(name: str) -> int:
    """Return the number of an account, by its name in any case."""
    return _number(name)


def group_sid(name: str) -> Sid:
    """Return the SID of a group, by its name in any case; it differs from that of a user."""
    # No user name has a colon.
    return sid_of(_number(f"group:{name}"))


def _number(name: str) -> int:
    digest = sha256(name.casefold().encode()).digest()
    return _FIRST_USER + int.from_bytes(digest[:8], "big") % (2**31 - _FIRST_USER)


def sid_of(account: int) -> Sid:
    """Return the SID of an account, by its number."""
    return Sid(_NT_AUTHORITY, (*_DOMAIN, account))
