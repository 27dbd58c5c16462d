"""The table of commands: the handler of each, and whether it needs a session and a tree."""

from functools import partial
from typing import NamedTuple

from smbquic.lazy_dataclass import dataclass
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
from smbquic.server.handlers.create_contexts.registry import create_context_handlers
from smbquic.server.opens.create import FileOpener
from smbquic.server.opens.file_table import FileTable
from smbquic.server.opens.rename import Renamer
from smbquic.server.rpc.services import PipeServices
from smbquic.server.session import UserSessions
from smbquic.server.shares import ShareTable
from smbquic.wire.header import Command


class CommandEntry(NamedTuple):
    """A command's handler, and whether it needs a session and a tree.

    `pipe` handles it in a tree of IPC$.
    """

    handle: Handler
    session: bool = True
    tree: bool = True
    pipe: Handler = pipe.refuse


@dataclass(frozen=True, slots=True)
class Services:
    """The services of a server for handlers; each handler is given only those that it needs.

    `listeners` are the URLs by which clients reach the server.
    """

    files: FileTable
    sessions: UserSessions
    shares: ShareTable
    pipes: PipeServices
    listeners: list[str]


def command_table(services: Services) -> dict[int, CommandEntry]:
    """Return the entry of each command."""
    files, sessions, pipes = services.files, services.sessions, services.pipes
    notifier = files.notifier
    control = partial(ioctl.handle, notifier=notifier, pipes=pipes, listeners=services.listeners)
    disconnect = partial(tree_disconnect.handle, sessions=sessions)
    return {
        Command.NEGOTIATE: CommandEntry(negotiate.handle, session=False, tree=False),
        Command.SESSION_SETUP: CommandEntry(session_setup.handle, session=False, tree=False),
        Command.LOGOFF: CommandEntry(partial(logoff.handle, sessions=sessions), tree=False),
        Command.TREE_CONNECT: CommandEntry(
            partial(tree_connect.handle, shares=services.shares), tree=False
        ),
        Command.TREE_DISCONNECT: CommandEntry(disconnect, pipe=disconnect),
        Command.CREATE: CommandEntry(
            partial(create.handle, services=_create_services(files)),
            pipe=partial(pipe.create, pipes=pipes, next_file_id=files.next_file_id),
        ),
        Command.CLOSE: CommandEntry(close.handle, pipe=pipe.close),
        Command.FLUSH: CommandEntry(flush.handle, pipe=pipe.flush),
        Command.READ: CommandEntry(read.handle, pipe=pipe.read),
        Command.WRITE: CommandEntry(partial(write.handle, notifier=notifier), pipe=pipe.write),
        Command.LOCK: CommandEntry(lock.handle),
        Command.IOCTL: CommandEntry(control, pipe=control),
        Command.CANCEL: CommandEntry(cancel.handle, session=False, tree=False),
        Command.ECHO: CommandEntry(echo.handle, session=False, tree=False),
        Command.QUERY_DIRECTORY: CommandEntry(query_directory.handle),
        Command.CHANGE_NOTIFY: CommandEntry(partial(change_notify.handle, notifier=notifier)),
        Command.QUERY_INFO: CommandEntry(
            partial(query_info.handle, descriptors=files.descriptors), pipe=pipe.query_info
        ),
        Command.SET_INFO: CommandEntry(
            partial(
                set_info.handle,
                notifier=notifier,
                descriptors=files.descriptors,
                renamer=partial(Renamer, files, files.descriptors, files.notifier, files.leases),
            ),
            pipe=pipe.set_info,
        ),
        Command.OPLOCK_BREAK: CommandEntry(partial(oplock_break.handle, leases=files.leases)),
    }


def _create_services(files: FileTable) -> create.CreateServices:
    handlers = create_context_handlers(
        leases=files.leases,
        durables=files.durables,
        create_replays=files.create_replays,
        app_instances=files.app_instances,
        descriptors=files.descriptors,
        next_file_id=files.next_file_id,
    )
    opener = FileOpener(files, files.budget, files.descriptors, files.notifier)
    return create.CreateServices(opener, files.notifier, files.leases, handlers)
