import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from smbquic.client.mount import fuse
from smbquic.client.mount.fuse import DIRECT_IO_ALLOW_MMAP, FuseOptions, configure, load, serve
from smbquic.errors import MountError


class FakeFuse:
    """What mfusepy's FUSE is made with; it ends as `outcome` says."""

    made: dict[str, Any]
    outcome: Exception | None = None
    encoding, errors = "utf-8", "surrogateescape"

    def __init__(self, operations: Any, mountpoint: str, **options: Any) -> None:
        type(self).made = FakeFuse.made = {"folder": mountpoint, **options}
        self.operations = operations
        FakeFuse.session = self
        if FakeFuse.outcome is not None:
            raise FakeFuse.outcome

    session: Any = None

    def _init(self, connection: Any, config: Any) -> None:
        self.config = config


@pytest.fixture
def mfusepy(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = ModuleType("mfusepy")
    module.FUSE = FakeFuse
    module.fuse_version_major, module.fuse_version_minor = 3, 17
    FakeFuse.outcome = None
    monkeypatch.setitem(sys.modules, "mfusepy", module)
    return module


def test_what_has_to_be_installed(monkeypatch: pytest.MonkeyPatch, mfusepy: ModuleType) -> None:
    assert load() is mfusepy
    monkeypatch.setitem(sys.modules, "mfusepy", None)
    with pytest.raises(MountError, match=r"run pip install 'smbquic\[mount\]'"):
        load()

    class NoLibrary:
        def find_spec(self, name: str, path: object, target: object = None) -> None:
            if name == "mfusepy":
                raise OSError("Unable to find libfuse")

    monkeypatch.delitem(sys.modules, "mfusepy")
    monkeypatch.setattr(sys, "meta_path", [NoLibrary(), *sys.meta_path])
    with pytest.raises(MountError, match=r"Unable to find libfuse.*apt install fuse3"):
        load()


@pytest.mark.parametrize(
    ("version", "more"),
    [((3, 17), {"max_threads": 64}), ((3, 10), {}), ((2, 9), {"big_writes": True})],
)
def test_options_of_libfuse(
    mfusepy: Any, version: tuple[int, int], more: dict[str, object]
) -> None:
    mfusepy.fuse_version_major, mfusepy.fuse_version_minor = version
    serve(mfusepy, object(), Path("/mnt"), FuseOptions("smb://x", read_only=True, more=("noexec",)))
    made = FakeFuse.made
    for name, value in {"ro": True, "allow_other": False, "noexec": True, **more}.items():
        assert made[name] == value
    assert made["folder"] == "/mnt"
    assert made["default_permissions"]
    assert [made[f"{name}_timeout"] for name in ("entry", "attr", "negative")] == [0, 0, 0]
    assert ("max_threads" in made, "big_writes" in made) == (
        "max_threads" in more,
        "big_writes" in more,
    )


def test_how_it_ends(mfusepy: ModuleType) -> None:
    serve(mfusepy, object(), Path("/mnt"), FuseOptions("x"))
    FakeFuse.outcome = RuntimeError(8)  # by a signal
    serve(mfusepy, object(), Path("/mnt"), FuseOptions("x"))
    for code, text in [
        (4, "the mount failed"),
        (1, "one of the options"),
        (5, "with the code 5"),
        (9, "code 9"),
    ]:
        FakeFuse.outcome = RuntimeError(code)
        with pytest.raises(MountError, match=f"/mnt: .*{text}"):
            serve(mfusepy, object(), Path("/mnt"), FuseOptions("x"))


def test_ctrl_c(mfusepy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        received = True

        def __enter__(self) -> "Interrupted":
            return self

        def __exit__(self, *error: object) -> None:
            pass

    monkeypatch.setattr(fuse, "InterruptWatcher", Interrupted)
    FakeFuse.outcome = RuntimeError(8)
    with pytest.raises(KeyboardInterrupt):
        serve(mfusepy, object(), Path("/mnt"), FuseOptions("x"))


def test_what_mfusepy_leaves_out(mfusepy: ModuleType) -> None:
    renamed = []

    def rename(old: str, new: str, flags: int) -> int:
        renamed.append((old, new, flags))
        return 0

    serve(mfusepy, SimpleNamespace(rename=rename), Path("/mnt"), FuseOptions("x"))
    assert FakeFuse.session.rename_fuse_3(b"/a", b"/\xff", 1) == 0
    assert renamed == [("/a", "/\udcff", 1)]
    connection = SimpleNamespace(capable=DIRECT_IO_ALLOW_MMAP | 1, want=2)
    FakeFuse.session._init(SimpleNamespace(contents=connection), "config")
    assert connection.want == DIRECT_IO_ALLOW_MMAP | 2
    assert FakeFuse.session.config == "config"
    FakeFuse.session._init(None, None)


def test_an_older_kernel_is_asked_for_nothing() -> None:
    connection = SimpleNamespace(capable=1, want=2)
    configure(connection)
    assert connection.want == 2
