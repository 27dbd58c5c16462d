import pytest

from smbquic.errors import ConfigError, UrlError
from smbquic.observe import trace_endpoint
from smbquic.observe.trace_endpoint import check_endpoint, check_traces
from smbquic.options.traces import TraceOptions


@pytest.mark.parametrize(
    "endpoint", ["http://localhost:4318", "https://collector.example", "http://[::1]:4318/x"]
)
def test_urls_of_collectors(endpoint: str) -> None:
    check_endpoint(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    ["", "localhost:4318", "grpc://localhost:4317", "http://", "http://[::1", "http://a:99999"],
)
def test_what_is_none(endpoint: str) -> None:
    with pytest.raises(UrlError, match=r"write http://HOST:PORT"):
        check_endpoint(endpoint)


def test_the_libraries_are_needed_for_traces_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_endpoint, "_LIBRARIES", ("nothing_of_that_name.at_all",))
    check_traces(TraceOptions())
    with pytest.raises(ConfigError, match=r"pip install 'smbquic\[traces\]'"):
        check_traces(TraceOptions(endpoint="http://localhost:4318"))
