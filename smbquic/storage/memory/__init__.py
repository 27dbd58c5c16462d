"""Files in the memory of this process, as many as a bound allows: `MemoryStorage`."""

from smbquic.storage.memory.storage import MemoryStorage, open_memory

__all__ = ["MemoryStorage", "open_memory"]
