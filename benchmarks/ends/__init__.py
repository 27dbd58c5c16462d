"""The programs at the two ends of the link: what is timed runs in them, and in nothing else.

They use smbquic as any program would: only its public API.
"""

from benchmarks.ends.options import EndOptions

__all__ = ["EndOptions"]
