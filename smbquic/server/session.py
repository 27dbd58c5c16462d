"""What a session holds on the server: its trees and opens ([MS-SMB2] 3.3.1.8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smbquic.protocol.server import Session
    from smbquic.server.connection import Connection
    from smbquic.server.open import Open
    from smbquic.server.tree import Tree

# A tree id of 0 means "none" and all ones is what related requests inherit.
_LAST_TREE_ID = 0xFFFF_FFFE


@dataclass(slots=True, eq=False)
class SessionState:
    """The session's tables. `session` is the protocol's side of it: id, identity, keys."""

    session: Session
    connection: Connection
    trees: dict[int, Tree] = field(default_factory=dict)
    opens: dict[int, Open] = field(default_factory=dict)
    last_tree_id: int = 0

    def next_tree_id(self) -> int:
        """An id that no tree of this session has."""
        tree_id = self.last_tree_id
        while True:
            tree_id = tree_id % _LAST_TREE_ID + 1
            if tree_id not in self.trees:
                self.last_tree_id = tree_id
                return tree_id

    def disconnect(self, tree: Tree) -> None:
        """Ends a tree and every open in it."""
        del self.trees[tree.tree_id]
        for entry in [entry for entry in self.opens.values() if entry.tree is tree]:
            entry.close()

    def close(self) -> None:
        """Ends every tree and open."""
        for entry in list(self.opens.values()):
            entry.close()
        self.trees.clear()
