"""The structures of MS-SMB2, MS-FSCC and MS-DTYP: bytes to dataclass and back, nothing else.

Every decoder is total: on any bytes it gives a valid object or raises `WireError`.
"""
