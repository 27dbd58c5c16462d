"""Which handler belongs to which command, and what it needs beforehand."""

from typing import NamedTuple

from smbquic.server.context import Handler
from smbquic.server.handlers import (
    cancel,
    change_notify,
    close,
    create,
    echo,
    flush,
    ioctl,
    lock,
    logoff,
    negotiate,
    oplock_break,
    pipe,
    query_directory,
    query_info,
    read,
    session_setup,
    set_info,
    tree_connect,
    tree_disconnect,
    write,
)
from smbquic.wire.header import Command


class Entry(NamedTuple):
    """A command's handler, and whether it needs a session and a tree.

    `pipe` handles it in a tree of IPC$.
    """

    handle: Handler
    session: bool = True
    tree: bool = True
    pipe: Handler = pipe.refuse


COMMANDS: dict[int, Entry] = {
    Command.NEGOTIATE: Entry(negotiate.handle, session=False, tree=False),
    Command.SESSION_SETUP: Entry(session_setup.handle, session=False, tree=False),
    Command.LOGOFF: Entry(logoff.handle, tree=False),
    Command.TREE_CONNECT: Entry(tree_connect.handle, tree=False),
    Command.TREE_DISCONNECT: Entry(tree_disconnect.handle, pipe=tree_disconnect.handle),
    Command.CREATE: Entry(create.handle, pipe=pipe.create),
    Command.CLOSE: Entry(close.handle, pipe=pipe.close),
    Command.FLUSH: Entry(flush.handle, pipe=pipe.flush),
    Command.READ: Entry(read.handle, pipe=pipe.read),
    Command.WRITE: Entry(write.handle, pipe=pipe.write),
    Command.LOCK: Entry(lock.handle),
    Command.IOCTL: Entry(ioctl.handle, pipe=ioctl.handle),
    Command.CANCEL: Entry(cancel.handle, session=False, tree=False),
    Command.ECHO: Entry(echo.handle, session=False, tree=False),
    Command.QUERY_DIRECTORY: Entry(query_directory.handle),
    Command.CHANGE_NOTIFY: Entry(change_notify.handle),
    Command.QUERY_INFO: Entry(query_info.handle, pipe=pipe.query_info),
    Command.SET_INFO: Entry(set_info.handle, pipe=pipe.set_info),
    Command.OPLOCK_BREAK: Entry(oplock_break.handle),
}
