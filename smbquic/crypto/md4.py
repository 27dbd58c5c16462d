"""MD4, which OpenSSL and hashlib no longer have everywhere: NTLM hashes passwords with it.

It is weak, and no new use of it should be added: it is here because [MS-NLMP] 3.3.1 asks for it.
"""

from struct import Struct

_BLOCK = Struct("<16I")
_STATE = Struct("<4I")
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_MASK = 0xFFFF_FFFF


def md4(data: bytes) -> bytes:
    """Return the MD4 digest (16 bytes) of `data`. [RFC1320] 3"""
    length = (8 * len(data)).to_bytes(8, "little")
    padded = b"".join((data, b"\x80", bytes(-(len(data) + 9) % _BLOCK.size), length))
    state = _START
    for words in _BLOCK.iter_unpack(padded):
        a, b, c, d = state
        for mix, constant, order, rotations in _ROUNDS:
            for step, index in enumerate(order):
                total = (a + mix(b, c, d) + words[index] + constant) & _MASK
                bits = rotations[step % 4]
                a, b, c, d = d, (total << bits | total >> (32 - bits)) & _MASK, b, c
        aa, bb, cc, dd = state
        state = (aa + a) & _MASK, (bb + b) & _MASK, (cc + c) & _MASK, (dd + d) & _MASK
    return _STATE.pack(*state)


def _choose(x: int, y: int, z: int) -> int:
    return (x & y) | (~x & z)


def _majority(x: int, y: int, z: int) -> int:
    return (x & y) | (x & z) | (y & z)


def _parity(x: int, y: int, z: int) -> int:
    return x ^ y ^ z


_ROUNDS = (
    (_choose, 0, tuple(range(16)), (3, 7, 11, 19)),
    (_majority, 0x5A827999, (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13)),
    (_parity, 0x6ED9EBA1, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)),
)
"""The rounds of a block: their function, what is added, the order in which the words are used, and
the rotations, which repeat after four steps. [RFC1320] 3.4"""
