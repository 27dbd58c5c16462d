import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.client.names import from_local
from smbquic.client.url import SmbUrl
from smbquic.errors import UrlError


def test_everything_in_one_url() -> None:
    url = SmbUrl.parse("smb+quic://CORP;al%40ice:p%3Aw%20d@fs.example:8443/data/in/a%20b%23.txt")
    assert url == SmbUrl(
        transport="quic",
        host="fs.example",
        port=8443,
        share="data",
        path="in/a b#.txt",
        user="al@ice",
        domain="CORP",
        password="p:w d",
    )


@pytest.mark.parametrize(
    ("text", "transport", "host", "port", "share", "path"),
    [
        ("smb+quic://h/s", "quic", "h", 443, "s", ""),
        ("SMB+QUIC://h/s/", "quic", "h", 443, "s", ""),
        ("smb://h", "tcp", "h", 445, "", ""),
        ("smb://h/", "tcp", "h", 445, "", ""),
        ("smb://h:1445/s/a/b", "tcp", "h", 1445, "s", "a/b"),
        ("smb://h:/s", "tcp", "h", 445, "s", ""),
        ("smb+quic://[::1]/s", "quic", "::1", 443, "s", ""),
        ("smb+quic://[fe80::1%25eth0]:444/s", "quic", "fe80::1%eth0", 444, "s", ""),
        ("smb://h//s//a///b/", "tcp", "h", 445, "s", "a/b"),
        ("smb://h/s/a/./b/../c", "tcp", "h", 445, "s", "a/c"),
        ("smb://h/s/c#/what?", "tcp", "h", 445, "s", "c#/what\uf025"),
        ("smb://h/s/a:b/%5C./c.", "tcp", "h", 445, "s", "a\uf022b/\uf026\uf029/c\uf029"),
        ("smb://h/s/%ff", "tcp", "h", 445, "s", "\uf0ff"),
        ("smb://h/s/%C3%A4", "tcp", "h", 445, "s", "ä"),
        ("smb://h/s/ä", "tcp", "h", 445, "s", "ä"),
    ],
)
def test_parts(text: str, transport: str, host: str, port: int, share: str, path: str) -> None:
    url = SmbUrl.parse(text)
    assert (url.transport, url.host, url.port, url.share, url.path) == (
        transport,
        host,
        port,
        share,
        path,
    )
    assert url.user == ""
    assert url.password is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fs.example/data", "not an SMB address"),
        ("http://h/s", "not an SMB address"),
        ("smb+quic:h/s", "not an SMB address"),
        ("smb://", "names no host"),
        ("smb://u@/s", "names no host"),
        ("smb://a b/s", "not a host name"),
        ("smb://::1/s", "in brackets"),
        ("smb://[::1/s", "not closed"),
        ("smb://[bogus]/s", "not an IPv6 address"),
        ("smb://[::1]x/s", "not a port"),
        ("smb://h:0/s", "not a port"),
        ("smb://h:65536/s", "not a port"),
        ("smb://h:٤٤٥/s", "not a port"),
        ("smb://h:http/s", "not a port"),
        ("smb://@h/s", "no user name"),
        ("smb://;u@h/s", "no domain"),
        ("smb://D;@h/s", "no user name"),
        ("smb://h/s/50%", "lone %"),
        ("smb://h/s/%zz", "lone %"),
        ("smb://h/%ff", "not UTF-8"),
        ("smb://h/s/a%2Fb", "cannot be the name"),
        ("smb://h/s/a%00b", "cannot be the name"),
        ("smb://h/..", "not the name of a share"),
        ("smb://h/a%5Cb", "not the name of a share"),
        ("smb://h/s/../x", "leads out of the share"),
    ],
)
def test_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UrlError, match=message):
        SmbUrl.parse(text)


def test_the_password_is_never_shown() -> None:
    url = SmbUrl.parse("smb://u:hunter2@h/s")
    assert url.password == "hunter2"
    assert "hunter2" not in str(url)
    assert "hunter2" not in repr(url)
    with pytest.raises(UrlError) as caught:
        SmbUrl.parse("ftp://u:hunter2@h/s")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "smb+quic://h",
        "smb+quic://D;u@h:444/s/a b/c#",
        "smb://[fe80::1%25eth0]/s",
        "smb://u%40d@h/s/100%25",
        "smb://h/s/folder",
        "smb://h/s/folder/",
        "smb://h/s/",
    ],
)
def test_back_to_text(text: str) -> None:
    assert str(SmbUrl.parse(text)) == text


def test_a_share_may_be_demanded() -> None:
    url = SmbUrl.parse("smb://h/s")
    assert url.need_share() is url
    with pytest.raises(UrlError, match="names no share"):
        SmbUrl.parse("smb://h").need_share()


def test_joined() -> None:
    url = SmbUrl.parse("smb://h/s/a/b")
    assert url.joined("../c").path == "a/c"
    assert url.joined("d").path == "a/b/d"


_NAME = st.text(st.characters(exclude_characters="/\\\0", exclude_categories=["Cs"]), min_size=1)


@given(user=_NAME, domain=_NAME, path=st.lists(_NAME.filter(lambda n: n not in (".", ".."))))
def test_any_names_come_back(user: str, domain: str, path: list[str]) -> None:
    url = SmbUrl("quic", "h", 443, "s", "/".join(map(from_local, path)), user, domain)
    assert SmbUrl.parse(str(url)) == url


@given(st.text())
def test_any_text_is_a_url_or_an_error(text: str) -> None:
    for candidate in (text, "smb://" + text, "smb+quic://u@" + text):
        try:
            url = SmbUrl.parse(candidate)
        except UrlError:
            continue
        assert SmbUrl.parse(str(url)) == SmbUrl.parse(str(url))
        assert ".." not in url.path.split("/")
