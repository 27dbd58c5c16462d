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
    """A command's handler, and whether it needs a session and a tree."""

    handle: Handler
    session: bool = True
    tree: bool = True


COMMANDS: dict[int, Entry] = {
    Command.NEGOTIATE: Entry(negotiate.handle, session=False, tree=False),
    Command.SESSION_SETUP: Entry(session_setup.handle, session=False, tree=False),
    Command.LOGOFF: Entry(logoff.handle, tree=False),
    Command.TREE_CONNECT: Entry(tree_connect.handle, tree=False),
    Command.TREE_DISCONNECT: Entry(tree_disconnect.handle),
    Command.CREATE: Entry(create.handle),
    Command.CLOSE: Entry(close.handle),
    Command.FLUSH: Entry(flush.handle),
    Command.READ: Entry(read.handle),
    Command.WRITE: Entry(write.handle),
    Command.LOCK: Entry(lock.handle),
    Command.IOCTL: Entry(ioctl.handle),
    Command.CANCEL: Entry(cancel.handle, session=False, tree=False),
    Command.ECHO: Entry(echo.handle, session=False, tree=False),
    Command.QUERY_DIRECTORY: Entry(query_directory.handle),
    Command.CHANGE_NOTIFY: Entry(change_notify.handle),
    Command.QUERY_INFO: Entry(query_info.handle),
    Command.SET_INFO: Entry(set_info.handle),
    Command.OPLOCK_BREAK: Entry(oplock_break.handle),
}
