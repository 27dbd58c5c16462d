import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.storage import NameInvalid
from smbquic.storage.names import (
    check_stream_name,
    escape,
    fold,
    from_disk,
    join,
    moved,
    parent_of,
    split,
    to_disk,
    unescape,
)

DISK_NAMES = st.binary(min_size=1, max_size=255).filter(
    lambda raw: b"/" not in raw and b"\0" not in raw and raw not in (b".", b"..")
)
TRICKY = st.sampled_from(
    "\uf000\uf001\uf01f\uf020\uf022\uf026\uf028\uf029\uf02a\uf07f\uf080\uf0af\uf0c0\uf0ef\uf0ff"
    ' ./\\:*?"<>|\0\x01\x1f\x7f'
    # Fullwidth and mathematical look-alikes of what parts a path, letters that compose.
    "a\u00e9\u0301\U0001f600\ud800\udcff\uff0e\uff0f\u2215\u2025"
)
WIRE_NAMES = st.text(TRICKY, max_size=8) | st.text(max_size=40)


@given(DISK_NAMES)
def test_every_name_on_the_disk_has_a_spelling_that_leads_back(raw: bytes) -> None:
    assert to_disk(from_disk(raw)) == raw


@given(st.text(TRICKY, min_size=1, max_size=5).map(lambda text: text.encode("utf-8", "replace")))
def test_so_have_names_of_private_characters(raw: bytes) -> None:
    if b"/" not in raw and b"\0" not in raw and raw not in (b".", b".."):
        assert to_disk(from_disk(raw)) == raw


@given(DISK_NAMES)
def test_a_spelling_is_one_that_the_wire_can_carry(raw: bytes) -> None:
    name = from_disk(raw)

    assert len(name.encode("utf-16-le")) <= 2 * 255
    assert not set(name) & {*'"*/:<>?\\|', *map(chr, range(0x20))}
    assert name[-1] not in " ."


@given(WIRE_NAMES)
def test_a_name_from_the_wire_is_one_safe_step_or_no_name(name: str) -> None:
    try:
        raw = to_disk(name)
    except NameInvalid:
        return
    assert raw not in (b"", b".", b"..")
    assert b"/" not in raw
    assert b"\0" not in raw
    assert len(raw) <= 255
    shown = from_disk(raw)
    assert shown == name or shown == name[:-1] + {" ": "\uf028", ".": "\uf029"}[name[-1]]


@given(st.lists(WIRE_NAMES, max_size=4).map("\\".join))
def test_split_yields_nothing_but_safe_steps(name: str) -> None:
    try:
        components = split(name)
    except NameInvalid:
        return
    assert join(components) == name
    assert all(to_disk(part) not in (b"", b".", b"..") for part in components)


def test_the_root_has_no_components() -> None:
    assert split("") == []


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "..\\x",
        "a\\..\\b",
        "a\\..",
        "a\\.\\b",
        "\\",
        "\\a",
        "\\\\host\\share",
        "a\\",
        "a\\\\b",
        "/",
        "/etc/passwd",
        "a/b",
        "../x",
        "a\\../b",
        "C:",
        "C:\\Windows",
        "a:stream",
        "a::$DATA",
        "a\0",
        "a\0\\b",
        "a\x01b",
        "\x1f",
        "a*",
        "a?",
        'a"',
        "a<",
        "a>",
        "a|b",
        "\uf029",
        "\uf029\uf029",
        ".\uf029",
        "a\\.\uf029",
        "\uf029.",
        "\ud800",
        "a\udcff",
        "\uf02f\uf02f:",
        # Private bytes that spell something else than a broken name.
        "\uf0c3\uf0a9",
        "a\uf028b",
        "a\uf029b",
        "\uf0ef\uf080\uf0af",
    ],
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(NameInvalid) as caught:
        split(name)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("Grüße.txt", "Grüße.txt".encode()),
        ("a\uf022b", b"a:b"),
        ("\uf020\uf021\uf022\uf023\uf024\uf025\uf026\uf027", b'"*:<>?\\|'),
        ("\uf001\uf01f", b"\x01\x1f"),
        ("a\uf029", b"a."),
        ("a\uf028", b"a "),
        ("a.\uf029", b"a.."),
        ("...", b"..."),
        ("a.", b"a."),
        ("a ", b"a "),
        ("\uf022.", b":."),
        (" .x", b" .x"),
        ("caf\uf0e9", b"caf\xe9"),
        ("\uf0c0\uf0af", b"\xc0\xaf"),
        ("\uf0ed\uf0a0\uf080", b"\xed\xa0\x80"),
        ("\uf0ef\uf080\uf0a2", "\uf022".encode()),
        ("\uf02f", "\uf02f".encode()),
        ("\uf000", "\uf000".encode()),
        ("x" * 255, b"x" * 255),
        ("\U0001f600", "\U0001f600".encode()),
        ("CON", b"CON"),
        ("a~1", b"a~1"),
    ],
)
def test_spellings(name: str, raw: bytes) -> None:
    assert to_disk(name) == raw
    if name[-1] not in " ." or name == "...":
        assert to_disk(from_disk(raw)) == raw


def test_a_bare_ending_is_shown_as_private() -> None:
    assert from_disk(to_disk("a.")) == "a\uf029"
    assert from_disk(to_disk("a ")) == "a\uf028"


@pytest.mark.parametrize("name", ["x" * 256, "é" * 128, "\U0001f600" * 64, "a\\" + "x" * 300])
def test_too_long(name: str) -> None:
    with pytest.raises(NameInvalid, match="too long"):
        split(name)


def test_as_many_folders_as_a_name_may_have() -> None:
    assert len(split("\\".join(["x"] * 256))) == 256
    with pytest.raises(NameInvalid, match="too many folders"):
        split("\\".join(["x"] * 257))


def test_how_long_the_name_of_a_stream_may_be() -> None:
    check_stream_name("x" * 255)
    check_stream_name("\U0001f600" * 127)
    for name in ("x" * 256, "\U0001f600" * 128):
        with pytest.raises(NameInvalid, match="too long"):
            check_stream_name(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Readme.TXT", "rEADME.txt"), ("GRÜN", "grün"), ("Σας", "σΑΣ"), ("ДА", "да"), ("ÿ", "Ÿ")],
)
def test_names_that_differ_by_case(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ß", "ss"),
        ("ß", "SS"),
        ("\u0131", "I"),
        ("\u017f", "s"),
        ("é", "e\u0301"),
        ("ﬁ", "fi"),
        ("\U00010428", "\U00010400"),
    ],
)
def test_names_that_do_not(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text())
def test_folding_keeps_the_length_and_is_done_after_once(name: str) -> None:
    folded = fold(name)

    assert len(folded) == len(name)
    assert fold(folded) == folded


def test_a_component_is_one() -> None:
    with pytest.raises(NameInvalid):
        to_disk("a\\b")


@pytest.mark.parametrize(
    ("name", "became"),
    [("a", "b"), (r"a\x", r"b\x"), ("ax", "ax"), ("", ""), (r"c\a", r"c\a")],
)
def test_moved(name: str, became: str) -> None:
    assert moved(name, "a", "b") == became


@given(DISK_NAMES)
def test_a_name_that_python_has_decoded_is_spelled_as_its_bytes_are(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape")

    assert escape(text) == from_disk(raw)
    assert unescape(escape(text)) == text
    assert escape(unescape(escape(text))) == escape(text)


def test_folders() -> None:
    assert [parent_of(path) for path in ("", "a", r"a\b", r"a\b\c")] == ["", "", "a", r"a\b"]
