"""Files that will never be whole, because the server that had them open was killed.

While a folder is served, an extended attribute on it says so. Where the attribute is there at the
beginning, the last server was killed, or its machine. A thread then searches for the temporary
files that it left (`partial`), while clients are served. A folder that cannot have the attribute is
searched each time.

Only Linux reports whether a program has a file open; elsewhere nothing is removed.
"""

import logging
import os
import threading
from contextlib import suppress

from smbquic.storage import partial
from smbquic.storage.local import xattrs
from smbquic.storage.local.tree import FolderTree
from smbquic.storage.partial import is_temporary_name, remove_unused

_log = logging.getLogger(__name__)


class Sweep:
    """One time of serving a folder, from its beginning to `end`."""

    def __init__(self, tree: FolderTree) -> None:
        self._tree = tree
        self._ending = threading.Event()
        self._done = True
        self._thread: threading.Thread | None = None
        if partial.USE_IS_KNOWN and _left_a_note(tree):
            self._done = False
            self._thread = threading.Thread(target=self._run, name=f"sweep {tree.label}")
            self._thread.start()

    def _run(self) -> None:
        removed = 0
        with suppress(OSError), self._tree.root as root:
            for _, _, files, folder in os.fwalk(".", dir_fd=root):
                removed += sum(
                    remove_unused(name, folder=folder) for name in files if is_temporary_name(name)
                )
                if self._ending.is_set():
                    return
            self._done = True
        if removed:
            _log.info("%r: removed %d files that would never be whole", self._tree.label, removed)

    def end(self) -> None:
        """Stop searching; what was not searched is left to the next time."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        if self._done:
            with suppress(OSError), self._tree.root as root:
                xattrs.remove(root, xattrs.SERVED)


def _left_a_note(tree: FolderTree) -> bool:
    """Leave a note; true if there is one already, or cannot be."""
    try:
        with tree.root as root:
            if xattrs.get(root, xattrs.SERVED) is not None:
                return True
            xattrs.put(root, xattrs.SERVED, b"1")
    except OSError:
        return True
    return False
