"""The reasons for which a server refuses or disconnects clients."""

from smbquic.transport.refusals import Refusal


class ServerRefusal(Refusal):
    """Reasons for which a server refuses or disconnects a client."""

    CONNECTIONS_OF_ADDRESS = (
        "connections-of-address",
        "was refused: its address has as many connections as allowed"
        " (`connections_of_address` in [limits])",
    )
    CONNECTIONS_OF_USER = (
        "connections-of-user",
        "was disconnected: its user has more connections than allowed"
        " (`connections_of_user` in [limits])",
    )
    UNAUTHENTICATED = (
        "unauthenticated",
        "was refused: too many others wait to log on (`unauthenticated` in [limits])",
    )
    UNAUTHENTICATED_OF_ADDRESS = (
        "unauthenticated-of-address",
        "was refused: too many others of its address wait to log on"
        " (`unauthenticated_of_address` in [limits])",
    )
    BUSY = (
        "busy",
        "was not answered: unauthenticated clients have used up their share of the processor",
    )
    FAILED_LOGON = ("failed-logon", "did not log on")
    NO_LOGON = ("no-logon", "was disconnected: nobody logged on")
    SLOW_READER = ("slow-reader", "was disconnected: it does not take its responses")
    SLOW_WRITER = ("slow-writer", "was disconnected: it does not go on with its message")
    MEMORY = (
        "memory",
        "was disconnected: too much waits in memory, and most of it for this client",
    )
    LOCKED_OUT = ("locked-out", "was refused: an administrator has locked its address out")
    ADMINISTRATOR = (
        "administrator",
        "was disconnected: an administrator has closed its connection",
    )
    STOPPING = ("stopping", "was refused: the server is stopping")
