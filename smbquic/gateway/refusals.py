"""The reasons for which the gateway disconnects clients, besides those of every server."""

from smbquic.transport.refusals import Refusal


class GatewayRefusal(Refusal):
    """Reasons for which the gateway disconnects a client. The client is told the text."""

    NO_POOL = ("no-pool", "was disconnected: no pool is for the name that it asked for")
    NO_BACKEND = ("no-backend", "was disconnected: no back end of its pool answers")
    BACKEND_LOST = ("backend-lost", "was disconnected: its back end has ended the connection")
    NOT_NEGOTIATE = (
        "not-negotiate",
        "was disconnected: its first message is no NEGOTIATE of SMB 2 or 3",
    )
    MALFORMED = ("malformed", "was disconnected: it sent what is no SMB message before its logon")
    BEFORE_LOGON = (
        "before-logon",
        "was disconnected: it sent something other than a logon before its logon",
    )
    MALFORMED_ANSWER = (
        "malformed-answer",
        "was disconnected: its back end answered the logon with what is no SMB message",
    )
    NOT_ENCRYPTED = (
        "not-encrypted",
        "was disconnected: it does not use SMB encryption, which `require_encryption_to_backend`"
        " demands",
    )


class Refused(Exception):  # noqa: N818  (what happens to the client)
    """The client is to be disconnected, for this reason."""

    def __init__(self, reason: GatewayRefusal, detail: str = "") -> None:
        super().__init__(detail or reason.text)
        self.reason = reason
        self.detail = detail
