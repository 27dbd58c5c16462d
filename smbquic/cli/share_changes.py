"""The shares that a reload adds to a running server, removes from it, and replaces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from smbquic.api.serving import Serving
from smbquic.cli.shares import configured_share
from smbquic.lazy_dataclass import dataclass
from smbquic.options.share import ShareFolder
from smbquic.server.share import ServedShare
from smbquic.server.shares import ShareTable


@dataclass(frozen=True, slots=True)
class ShareChanges:
    """The changes of a server's shares. What is `added` is open already."""

    removed: list[str]
    added: list[ServedShare]
    comments: list[tuple[ServedShare, str]]

    @classmethod
    @contextmanager
    def opened(
        cls, former: Iterable[ShareFolder], new: Iterable[ShareFolder], served: ShareTable
    ) -> Iterator[ShareChanges]:
        """Compare the shares of two configuration files, and open the new ones.

        If the block fails they are closed again. Raises a usage error for one that cannot be
        opened, and `ValueError` where a name is taken or none would be left.
        """
        before = {each.name.casefold(): each for each in former}
        after = {each.name.casefold(): each for each in new}
        others = served.keys() - before.keys()
        if taken := others & after.keys():
            raise ValueError(f"there is a share named {min(taken)} on the command line already")
        if not (others or after):
            raise ValueError("there is nothing left to share")
        comments = []
        for name in before.keys() & after.keys():
            share = served[name]
            if replace(before[name], comment=after[name].comment) == after[name]:
                comments.append((share, after.pop(name).comment))
                del before[name]
        added: list[ServedShare] = []
        try:
            added += map(configured_share, after.values())
            yield cls(list(before), added, comments)
        except BaseException:
            for share in added:
                share.storage.close()
            raise

    def apply(self, serving: Serving) -> None:
        """Change the shares of a server. Clients of one that is replaced have to connect anew."""
        for share, comment in self.comments:
            share.comment = comment
        for name in self.removed:
            serving.remove_share(name)
        for share in self.added:
            serving.add_share(share)
