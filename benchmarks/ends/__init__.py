"""The programs at the two ends of the link: what is timed runs in them, and in nothing else.

They put transport, protocol, client and server together as `smbquic.api` does, but stage by stage,
because the stages of a connection are timed one by one, and with the options of `EndOptions`, some
of which the public API does not have (SMB encryption inside QUIC).
"""

from benchmarks.ends.options import EndOptions

__all__ = ["EndOptions"]
