"""The base of all flag words."""

from enum import IntFlag

_REMEMBERED = 1024


class Flags(IntFlag):
    """An IntFlag that keeps unknown bits and does not grow with what peers send.

    `enum` remembers every combination it has ever seen. Peers choose these values, so a hostile
    one could fill the memory with them; past a generous number of combinations, new ones are made
    anew each time.
    """

    @classmethod
    def _missing_(cls, value: object) -> "Flags":
        flags: Flags = super()._missing_(value)
        if len(cls._value2member_map_) > _REMEMBERED:
            del cls._value2member_map_[flags._value_]
        return flags
