"""What is checked of a collector of traces before a server starts."""

from importlib.util import find_spec
from urllib.parse import urlsplit

from smbquic.errors import ConfigError, UrlError
from smbquic.options.traces import TraceOptions

_LIBRARIES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def check_endpoint(endpoint: str) -> None:
    """Raise `UrlError` for what is no URL of a collector."""
    try:
        parts = urlsplit(endpoint)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise UrlError(
            f"{endpoint!r} is no URL of a collector: write http://HOST:PORT, such as"
            " http://127.0.0.1:4318"
        )


def check_traces(options: TraceOptions) -> None:
    """Raise what keeps traces from being sent: `UrlError`, or `ConfigError` without the libraries.

    Nothing is said of a collector that does not answer: it may be started later.
    """
    if options.endpoint is None:
        return
    check_endpoint(options.endpoint)
    if not all(map(_is_installed, _LIBRARIES)):
        raise ConfigError(
            "traces need the libraries of OpenTelemetry: run pip install 'smbquic[traces]'"
        )


def _is_installed(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:  # of a package that it is in
        return False
