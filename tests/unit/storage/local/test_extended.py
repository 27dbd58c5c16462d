import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smbquic.storage import Capability, Disposition, NameInvalid, PathNotFound, extended_attributes
from smbquic.storage.local import LocalStorage, xattrs
from smbquic.storage.local.file import LocalFile

EXTENDED = Capability.STREAMS | Capability.EXTENDED_ATTRIBUTES | Capability.SECURITY_DESCRIPTORS


def error_of(action: Callable[[], object]) -> int | None:
    """The `errno` that it fails with."""
    try:
        action()
    except OSError as error:
        return error.errno
    return None


@pytest.fixture
def file(storage: LocalStorage) -> object:
    """A new file."""
    file, _ = storage.open("file", Disposition.CREATE)
    yield file
    file.close()


def test_there_are_none(file: LocalFile) -> None:
    assert file.extended_attributes() == []
    assert file.stat().ea_size == 0


def test_they_are_the_disk_s(file: LocalFile, root: Path) -> None:
    file.set_extended_attributes([("Comment", b"hello"), ("B", b"\0\xff")])
    os.setxattr(root / "file", "user.local", b"set by a program")

    assert file.extended_attributes() == [
        ("B", b"\0\xff"),
        ("Comment", b"hello"),
        ("local", b"set by a program"),
    ]
    assert os.getxattr(root / "file", "user.Comment") == b"hello"


def test_names_are_found_in_any_case(file: LocalFile, root: Path) -> None:
    file.set_extended_attributes([("Comment", b"1")])
    file.set_extended_attributes([("COMMENT", b"2"), ("New", b"3"), ("nEW", b"4")])

    assert file.extended_attributes() == [("Comment", b"2"), ("New", b"4")]


def test_an_empty_value_removes(file: LocalFile, root: Path) -> None:
    file.set_extended_attributes([("a", b"1"), ("b", b"2")])
    file.set_extended_attributes([("A", b""), ("never", b"")])

    assert file.extended_attributes() == [("b", b"2")]
    assert "user.a" not in os.listxattr(root / "file")


def test_their_size_is_told_by_listings_too(storage: LocalStorage, file: LocalFile) -> None:
    file.set_extended_attributes([("EAONE", b"VALUE1"), ("SECONDEA", b"ValueTwo")])

    # OS/2's list: 4 bytes, and for each 4, the name with its end, the value.
    assert file.stat().ea_size == 4 + (4 + 6 + 6) + (4 + 9 + 8)
    assert storage.stat("file").ea_size == file.stat().ea_size
    assert extended_attributes.size(file.extended_attributes()) == file.stat().ea_size
    file.set_extended_attributes([("EAONE", b""), ("SECONDEA", b"")])
    assert file.stat().ea_size == 0


@pytest.mark.parametrize(
    "name", ["DOSATTRIB", "DosStream.x:$DATA", "smbquic.sd", "SMBQUIC.SD", "SAMBA_PAI"]
)
def test_what_servers_keep_is_hidden_and_safe(name: str, file: LocalFile, root: Path) -> None:
    file.set_security(b"sd")
    before = {key: os.getxattr(root / "file", key) for key in os.listxattr(root / "file")}

    with pytest.raises(PermissionError if ":" not in name else NameInvalid):
        file.set_extended_attributes([("good", b"1"), (name, b"x")])

    after = {key: os.getxattr(root / "file", key) for key in os.listxattr(root / "file")}
    assert after == before
    assert file.extended_attributes() == []


@pytest.mark.parametrize(
    "name", ["", "a" * 251, "a=b", "a:b", "a\x1fb", "a\\b", "a*", "ä", "a\x7f"]
)
def test_names_that_cannot_be(name: str, file: LocalFile) -> None:
    with pytest.raises(NameInvalid):
        file.set_extended_attributes([(name, b"x")])


def test_how_long_a_name_may_be(file: LocalFile) -> None:
    file.set_extended_attributes([("a" * 250, b"x")])
    assert file.extended_attributes() == [("a" * 250, b"x")]


def test_names_that_clients_could_not_spell_are_hidden(file: LocalFile, root: Path) -> None:
    os.setxattr(root / "file", "user.Größe", b"1")
    os.setxattr(root / "file", "user.a=b", b"1")
    os.setxattr(root / "file", "user.empty", b"")

    assert file.extended_attributes() == []


def test_all_or_nothing(file: LocalFile, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.set_extended_attributes([("old", b"1"), ("gone", b"2")])
    real = os.setxattr

    def fill(path: int, name: str, value: bytes, *rest: int) -> None:
        if name == "user.big":
            raise OSError(errno.ENOSPC, "full")
        real(path, name, value, *rest)

    monkeypatch.setattr(os, "setxattr", fill)
    wanted = [("old", b"changed"), ("gone", b""), ("new", b"3"), ("big", b"4")]

    assert error_of(lambda: file.set_extended_attributes(wanted)) == errno.ENOSPC
    assert file.extended_attributes() == [("gone", b"2"), ("old", b"1")]


def test_overwriting_takes_them_along(storage: LocalStorage, file: LocalFile, root: Path) -> None:
    file.set_extended_attributes([("a", b"1")])
    file.set_security(b"sd")

    storage.open("file", Disposition.OVERWRITE)[0].close()

    assert file.extended_attributes() == []
    assert file.stat().ea_size == 0
    assert file.security() == b"sd"


def test_a_read_only_storage(root: Path, read_only: LocalStorage) -> None:
    (root / "file").touch()
    file, _ = read_only.open("file")

    for change in (
        lambda: file.set_extended_attributes([("a", b"1")]),
        lambda: file.set_security(b"sd"),
    ):
        assert error_of(change) == errno.EROFS
    file.close()


def test_a_disk_without_room_for_them(
    file: LocalFile, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xattrs, "SUPPORTED", False)

    assert error_of(lambda: file.set_extended_attributes([("a", b"1")])) == errno.ENOTSUP
    assert error_of(lambda: file.set_security(b"sd")) == errno.ENOTSUP
    assert file.extended_attributes() == []
    assert file.security() is None


def test_volumes_tell_whether_they_can_be_kept(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert EXTENDED in storage.capabilities
    monkeypatch.setattr(xattrs, "SUPPORTED", False)
    other = LocalStorage(root)
    assert not EXTENDED & other.capabilities
    other.close()


def test_a_descriptor_is_kept_and_means_nothing(
    storage: LocalStorage, file: LocalFile, root: Path
) -> None:
    assert file.security() is None
    file.set_security(b"descriptor")

    assert file.security() == b"descriptor"
    assert file.extended_attributes() == []
    with pytest.raises(PathNotFound):
        storage.securities("file")
    assert storage.securities("")[-1][0] is None
    folder, _ = storage.open("", directory=True)
    folder.set_security(b"of the root")
    folder.close()
    assert storage.securities("")[-1][0] == b"of the root"


def test_a_folder_s_descriptor_by_name(storage: LocalStorage, root: Path) -> None:
    (root / "Outer" / "Inner").mkdir(parents=True)
    inner, _ = storage.open("outer\\inner", directory=True)
    inner.set_security(b"inner")
    inner.close()

    assert storage.securities("OUTER\\inner")[-1][0] == b"inner"
    assert storage.securities("outer")[-1][0] is None
    with pytest.raises(PathNotFound):
        storage.securities("nowhere")


@pytest.mark.parametrize("disposition", [Disposition.OVERWRITE, Disposition.SUPERSEDE])
def test_they_go_with_the_content(
    file: LocalFile, storage: LocalStorage, root: Path, disposition: Disposition
) -> None:
    file.set_extended_attributes([("Comment", b"hello")])
    os.setxattr(root / "file", "user.local", b"set by a program")
    stream = file.create_stream("stream")

    storage.open("file", disposition)[0].close()

    assert (file.extended_attributes(), file.streams(), file.stat().ea_size) == ([], [], 0)
    stream.close()
