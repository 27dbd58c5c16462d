import socket
from pathlib import Path

import pytest

from smbquic.errors import ConfigError, ListenError, UrlError
from smbquic.options.web import WebOptions
from smbquic.web import address
from smbquic.web.address import WebAddress, check_libraries, check_web, open_socket, remove_socket


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:0", WebAddress("127.0.0.1", 0)),
        ("[::1]:9445", WebAddress("::1", 9445)),
        ("localhost:80", WebAddress("localhost", 80)),
        ("unix:/run/x.sock", WebAddress(path="/run/x.sock")),
    ],
)
def test_host_and_port_or_the_path_of_a_unix_socket(text: str, expected: WebAddress) -> None:
    assert WebAddress.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("localhost", "HOST:PORT"),
        (":9445", "names no host"),
        ("unix:", "unix:PATH"),
        ("127.0.0.1:70000", "not a port"),
        ("::1:80", "brackets"),
    ],
)
def test_another_address_is_a_url_error(text: str, words: str) -> None:
    with pytest.raises(UrlError, match=words):
        WebAddress.parse(text)


def test_an_address_is_shown_as_a_url() -> None:
    assert str(WebAddress("::1", 80)) == "http://[::1]:80"
    assert str(WebAddress(path="/x")) == "unix:/x"


async def test_the_url_has_the_real_port() -> None:
    opened, url = await open_socket(WebAddress("127.0.0.1", 0), remote=False)
    with opened:
        assert url == f"http://127.0.0.1:{opened.getsockname()[1]}"
        assert not opened.getblocking()


async def test_other_machines_may_connect_only_where_that_is_said() -> None:
    everywhere = WebAddress("0.0.0.0", 0)
    with pytest.raises(UrlError, match="--web-remote"):
        await open_socket(everywhere, remote=False)
    opened, _ = await open_socket(everywhere, remote=True)
    opened.close()


async def test_a_port_that_is_taken_is_a_listen_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ListenError, match=f"http://127.0.0.1:{port}"):
            await open_socket(WebAddress("127.0.0.1", port), remote=False)


async def test_user_and_group_can_open_a_unix_socket(tmp_path: Path) -> None:
    place = WebAddress(path=str(tmp_path / "web.sock"))
    opened, url = await open_socket(place, remote=False)
    with opened:
        assert url == f"unix:{place.path}"
        assert Path(place.path).stat().st_mode & 0o777 == 0o660  # noqa: ASYNC240
    remove_socket(place)
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240
    remove_socket(place)


async def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    place = WebAddress(path=str(tmp_path / "web.sock"))
    left, _ = await open_socket(place, remote=False)
    left.close()
    opened, _ = await open_socket(place, remote=False)
    opened.close()


async def test_the_socket_of_another_program_stays(tmp_path: Path) -> None:
    place = WebAddress(path=str(tmp_path / "web.sock"))
    other, _ = await open_socket(place, remote=False)
    with other, pytest.raises(ListenError, match="another program"):
        await open_socket(place, remote=False)


async def test_a_file_of_that_name_stays(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(ListenError):
        await open_socket(WebAddress(path=str(path)), remote=False)
    assert path.read_text() == "mine"


async def test_without_an_address_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "find_spec", lambda _: None)
    await check_web(WebOptions())


async def test_a_check_leaves_no_socket(tmp_path: Path) -> None:
    await check_web(WebOptions(address=f"unix:{tmp_path / 'web.sock'}"))
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


def test_the_extra_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "find_spec", lambda name: None if name == "uvicorn" else name)
    with pytest.raises(ConfigError, match=r"needs uvicorn: run pip install 'smbquic\[web\]'"):
        check_libraries()
