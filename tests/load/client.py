"""One client of many: what it does next is up to its random numbers."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable

import smbquic
from tests.load.actor import Actor
from tests.load.common import Common

_NAMES = ("a", "A", "b", "c", "é", "É", "x y")
_STREAMS = ("one", "two")


class LoadClient:
    """Does random things in a folder of its own and in the common one.

    `done` counts them by name. The same `seed` does the same.
    """

    def __init__(self, share: smbquic.Share, name: str, seed: str) -> None:
        self._random = random.Random(seed)
        self.actor = Actor(share, name)
        self.common = Common(share, name, self._random)
        self.done: Counter[str] = Counter()
        actor = self.actor
        self._steps: dict[str, Callable[[], Awaitable[None]]] = {
            "mkdir": lambda: actor.make_folder(self._path()),
            "create": lambda: actor.create(self._path(), self._mode(), self._data()),
            "append": lambda: actor.create(self._path(), "a", self._data()),
            "write": lambda: actor.write(self._path(), self._offset(), self._data()),
            "read": lambda: actor.read(self._path(), self._offset(), self._offset()),
            "truncate": lambda: actor.truncate(self._path(), self._offset()),
            "rename": lambda: actor.rename(self._path(), self._path(), replace=self._maybe()),
            "remove": lambda: actor.remove(self._path(), folder=self._maybe()),
            "list": lambda: actor.list(self._path()),
            "stat": lambda: actor.stat(self._path()),
            "utime": lambda: actor.set_time(self._path(), self._random.randrange(1, 2**54)),
            "write stream": lambda: actor.write_stream(
                self._path(), self._random.choice(_STREAMS), self._offset() % 500, b"stream"
            ),
            "read streams": lambda: actor.read_streams(self._path()),
            "lock": lambda: actor.contend(self._path(), self._offset(), 5),
            "write renamed": lambda: actor.write_renamed(self._path(), self._path(), b"renamed"),
            "read removed": lambda: actor.read_removed(self._path()),
            "hold folder": lambda: actor.hold_folder(self._path()),
            "count locked": self.common.count_locked,
            "count alone": self.common.count_alone,
            "put record": self.common.put_record,
            "get records": self.common.get_records,
            "publish": self.common.publish,
            "fetch": self.common.fetch,
            "unpublish": self.common.unpublish,
            "list pages": self.common.list,
        }

    async def step(self) -> None:
        """Do one thing. Raises `Difference`."""
        what = self._random.choice(tuple(self._steps))
        await self._steps[what]()
        self.done[what] += 1

    def _path(self) -> str:
        depth = self._random.choice((1, 1, 1, 2, 2, 3))
        return "/".join(self._random.choice(_NAMES) for _ in range(depth))

    def _mode(self) -> str:
        return self._random.choice(("x", "w", "r+"))

    def _maybe(self) -> bool:
        return self._random.random() < 0.5

    def _offset(self) -> int:
        return self._random.randrange(self._random.choice((10, 1000, 100_000)))

    def _data(self) -> bytes:
        return self._random.randbytes(self._random.choice((0, 1, 100, 5000, 70_000)))
