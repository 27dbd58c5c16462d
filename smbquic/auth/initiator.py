"""The client's end of a logon: SPNEGO, with the mechanisms that its credentials are good for."""

from smbquic.auth.credentials import Credentials
from smbquic.auth.ntlm.initiator import NtlmInitiator
from smbquic.auth.spnego.initiator import Initiator


def new_initiator(credentials: Credentials, *, host: str, end_point: bytes = b"") -> Initiator:
    """Return the initiator of one logon at `host`, the name that the user knows the server by.

    `end_point` is the application data of the channel's bindings, empty where there is no TLS
    below.
    """
    return Initiator([NtlmInitiator(credentials, host=host, end_point=end_point)])
