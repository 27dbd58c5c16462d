"""The address of the web listener, and its sockets."""

import errno
import socket
import stat
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from smbquic.errors import ConfigError, ListenError, UrlError
from smbquic.lazy_dataclass import dataclass
from smbquic.options.web import WebOptions
from smbquic.transport.addresses import Address, endpoint, is_loopback, resolve, url
from smbquic.transport.hosts import host_and_port

_UNIX = "unix:"
_MODE = 0o660
_BACKLOG = 64
_LIBRARIES = ("starlette", "uvicorn", "prometheus_client")


@dataclass(frozen=True, slots=True)
class WebAddress:
    """Where the web listener listens: ``HOST:PORT``, or ``unix:PATH``. Port 0 picks one."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "WebAddress":
        """Parse an address. Raises `UrlError`."""
        if text.startswith(_UNIX):
            path = text.removeprefix(_UNIX)
            if not path:
                raise UrlError(f"{text!r} names no socket: write unix:PATH")
            return cls(path=path)
        host, port = host_and_port(text, -1, lowest=0)
        if port < 0:
            raise UrlError(f"{text!r} has no port: write HOST:PORT, such as 127.0.0.1:9445")
        return cls(host, port)

    def __str__(self) -> str:
        return f"{_UNIX}{self.path}" if self.path else url("http", (self.host, self.port))


async def check_web(options: WebOptions) -> None:
    """Raise what keeps the web listener from being started; no socket stays open.

    Raises what `check_libraries` and `open_socket` do.
    """
    if options.address is None:
        return
    check_libraries()
    address = WebAddress.parse(options.address)
    listening, _ = await open_socket(address, remote=options.remote)
    listening.close()
    remove_socket(address)


def check_libraries() -> None:
    """Raise `ConfigError` if the extra `web` is not installed."""
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the web listener needs {' and '.join(missing)}: run pip install 'smbquic[web]'"
        )


async def open_socket(address: WebAddress, *, remote: bool) -> tuple[socket.socket, str]:
    """Return a socket that listens on an address, and its URL with the real port.

    Raises `UrlError` unless only this machine can connect or `remote` allows others, and
    `ListenError`.
    """
    if address.path:
        return _open_unix(address), str(address)
    found, *_ = await resolve(address.host, address.port, socket.SOCK_STREAM, passive=True)
    if not (remote or is_loopback(found.socket_address)):
        raise UrlError(
            f"{address}: other machines could connect to the web listener, which has no"
            " encryption: use 127.0.0.1, or --web-remote (remote = true in [web]) if that is wanted"
        )
    try:
        listening = _open_tcp(found)
    except OSError as error:
        raise ListenError(str(address), error) from error
    return listening, url("http", endpoint(listening.getsockname()))


def remove_socket(address: WebAddress) -> None:
    """Remove the file of a Unix socket that is closed."""
    if address.path:
        with suppress(OSError):
            Path(address.path).unlink()


def _open_tcp(address: Address) -> socket.socket:
    listening = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        if address.family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address.socket_address)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def _open_unix(address: WebAddress) -> socket.socket:
    if sys.platform == "win32":
        raise UrlError(f"{address}: this system has no Unix sockets; use 127.0.0.1:PORT")
    path = Path(address.path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        listening.bind(str(path))
        # Connecting needs the right to write. Nobody can connect before it listens.
        path.chmod(_MODE)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise ListenError(str(address), error) from error
    listening.setblocking(False)
    return listening


def _remove_stale(path: Path) -> None:
    """Remove a socket that a server has left behind. Raises `OSError` if one listens there."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(0)
        try:
            trial.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass  # so many connections wait there that it takes no more
    raise OSError(errno.EADDRINUSE, "another program listens there")
