"""Where the keys of a TOML text stand."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from smbquic.config.positions import positions

TEXT = """\
guest = true

[limits]  # of one connection
opens = 7

[shares."my data"]
path = '''
read_only = 1
'''
comment = "x"

[[certificate]]
file = "a"
[[certificate]]
names = ["b"]
audit.file = "-"
"""


def test_every_key_is_where_it_stands() -> None:
    assert dict(positions(TEXT)) == {
        ("guest",): 1,
        ("limits",): 3,
        ("limits", "opens"): 4,
        ("shares", "my data"): 6,
        ("shares", "my data", "path"): 7,
        ("shares", "my data", "comment"): 10,
        ("certificate", 0): 12,
        ("certificate", 0, "file"): 13,
        ("certificate", 1): 14,
        ("certificate", 1, "names"): 15,
        ("certificate", 1, "audit"): 16,
        ("certificate", 1, "audit", "file"): 16,
    }


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,6}", fullmatch=True), st.integers(0, 9), min_size=1, max_size=8
    )
)
def test_a_flat_file_has_one_line_for_each_key(document: dict[str, int]) -> None:
    text = "".join(f"{key} = {value}\n" for key, value in document.items())

    assert tomllib.loads(text) == document
    assert dict(positions(text)) == {(key,): number for number, key in enumerate(document, 1)}
