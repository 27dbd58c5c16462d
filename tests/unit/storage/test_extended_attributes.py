"""Names and sizes of extended attributes. [MS-FSCC] 2.4.16"""

import pytest

from smbquic.storage import NameInvalid
from smbquic.storage.extended_attributes import check_name, is_name, size


@pytest.mark.parametrize("name", ["x", "user.comment", "A b!", "~", "x" * 254])
def test_names(name: str) -> None:
    assert is_name(name)
    check_name(name)


# [MS-FSCC] 2.4.16: ASCII without controls and these signs. The length has to fit into a byte.
@pytest.mark.parametrize("name", ["", "x" * 255, *'\0\x1f"*+,/:;<=>?[\\]|\x7f', "é", "\U0001f600"])
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(NameInvalid):
        check_name(name)


def test_the_size_is_that_of_os_2() -> None:
    assert size([]) == 0
    # FEALIST: four bytes of length; FEA: a flag, a length of one byte and one of two, name, NUL.
    assert size([("name", b"value")]) == 4 + 1 + 1 + 2 + 5 + 5
    assert size([("a", b""), ("b", b"12")]) == 4 + 6 + 8
