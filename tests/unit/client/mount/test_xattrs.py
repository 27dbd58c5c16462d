import errno
from typing import Any, cast

import pytest

from smbquic.client.mount import xattrs
from smbquic.client.mount.xattrs import attribute_name
from tests.unit.client.mount.operating import FakeShare


@pytest.mark.parametrize(("name", "expected"), [("user.a", "a"), ("user.user.a", "user.a")])
def test_names(name: str, expected: str) -> None:
    assert attribute_name(name) == expected


@pytest.mark.parametrize("name", ["user.", "a", "security.selinux", "USER.a", ""])
def test_other_kinds(name: str) -> None:
    with pytest.raises(OSError, match="not supported") as caught:
        attribute_name(name)
    assert caught.value.errno == errno.ENOTSUP


@pytest.mark.parametrize(
    ("name", "flags", "number"),
    [
        ("a", xattrs.CREATE, errno.EEXIST),
        ("A", xattrs.CREATE, errno.EEXIST),
        ("c", xattrs.CREATE, 0),
        ("c", xattrs.REPLACE, errno.ENODATA),
        ("B", xattrs.REPLACE, 0),
        ("c", 0, 0),
    ],
)
async def test_flags(name: str, flags: int, number: int) -> None:
    share = FakeShare()
    if number:
        with pytest.raises(OSError, match="Errno") as caught:
            await xattrs.write(cast(Any, share), "file", name, b"1", flags)
        assert caught.value.errno == number
        assert share.done == [("listxattr", "file")]
    else:
        await xattrs.write(cast(Any, share), "file", name, b"1", flags)
        assert share.done[-1] == ("setxattr", "file", name, b"1")
        assert len(share.done) == (2 if flags else 1)


async def test_what_is_not_there_is_not_removed() -> None:
    share = FakeShare()
    with pytest.raises(OSError, match="No data"):
        await xattrs.remove(cast(Any, share), "file", "c")
    await xattrs.remove(cast(Any, share), "file", "B")
    assert share.done[-1] == ("removexattr", "file", "B")
