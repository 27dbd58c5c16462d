import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.names import Name, parse, parse_stream


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", Name("")),
        (r"a\b", Name(r"a\b")),
        (r"a..b\..c\d..", Name(r"a..b\..c\d..")),
        ("a/b", Name(r"a\b")),
        (r"a\\b", Name(r"a\b")),
        (r"a/\/b:s", Name(r"a\b", "s", False)),
        (r"a\b:s", Name(r"a\b", "s", False)),
        ("a/b:s", Name(r"a\b", "s", False)),
        (r"a\b:S:$dAtA", Name(r"a\b", "S", False)),
        ("b::$DATA", Name("b", "", False)),
        (":s", Name("", "s", False)),
        ("b:?*<>\x05", Name("b", "?*<>\x05", False)),
        ("b::$INDEX_ALLOCATION", Name("b", "", True)),
        ("b:$i30:$index_allocation", Name("b", "", True)),
        (r"a:$I30:$INDEX_ALLOCATION\b", Name(r"a\b")),
        (r"a::$INDEX_ALLOCATION\b:$I30\c:s", Name(r"a\b\c", "s", False)),
    ],
)
def test_names_and_their_parts(text: str, name: Name) -> None:
    assert parse(text) == name


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("a:", NtStatus.OBJECT_NAME_INVALID),
        ("a::", NtStatus.OBJECT_NAME_INVALID),
        ("a:s:", NtStatus.OBJECT_NAME_INVALID),
        ("a:s:$FOO", NtStatus.OBJECT_NAME_INVALID),
        ("a:s:$DATA:x", NtStatus.OBJECT_NAME_INVALID),
        ("a:s/t", NtStatus.OBJECT_NAME_INVALID),
        (r"a:s\t", NtStatus.OBJECT_NAME_INVALID),
        (r"a:\t", NtStatus.OBJECT_NAME_INVALID),
        ("a*", NtStatus.OBJECT_NAME_INVALID),
        ("a*:s", NtStatus.OBJECT_NAME_INVALID),
        (r"..\a", NtStatus.OBJECT_PATH_SYNTAX_BAD),
        (r"..\a:s", NtStatus.OBJECT_PATH_SYNTAX_BAD),
        ("b/../../a", NtStatus.OBJECT_PATH_SYNTAX_BAD),
        ("a:x:$INDEX_ALLOCATION", NtStatus.INVALID_PARAMETER),
        (r"$Extend\$Quota:$Q:$INDEX_ALLOCATION", NtStatus.OBJECT_NAME_NOT_FOUND),
    ],
)
def test_what_is_no_name(text: str, status: NtStatus) -> None:
    with pytest.raises(StatusError) as caught:
        parse(text)

    assert caught.value.status == status


@given(st.text(alphabet='ab:\\$.*?/DATA"', max_size=12) | st.text(max_size=8))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = parse(text)
    except StatusError:
        return
    assert ":" not in name.path
    assert not set('*?<>"').intersection(name.path)
    assert not set(":\\/").intersection(name.stream)
    assert not (name.stream and name.directory is not False)


@pytest.mark.parametrize(
    ("text", "stream"),
    [(":new", "new"), (":New:$data", "New"), ("::$DATA", ""), (":a b", "a b")],
)
def test_new_names_of_streams(text: str, stream: str) -> None:
    assert parse_stream(text) == stream


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (":", NtStatus.INVALID_PARAMETER),
        (":a:", NtStatus.INVALID_PARAMETER),
        (":a:$DATA:b", NtStatus.INVALID_PARAMETER),
        (r":a\b", NtStatus.INVALID_PARAMETER),
        (":a/b", NtStatus.INVALID_PARAMETER),
        (":a:$FOO", NtStatus.OBJECT_TYPE_MISMATCH),
    ],
)
def test_what_is_no_name_of_a_stream(text: str, status: NtStatus) -> None:
    with pytest.raises(StatusError) as caught:
        parse_stream(text)

    assert caught.value.status == status
