"""Header protection, with the samples of the specification."""

import pytest

from smbquic.crypto.header_protection import header_mask


@pytest.mark.parametrize(
    ("key", "chacha20", "sample", "mask"),
    [
        # [RFC9001] A.2
        (
            "9f50449e04a0e810283a1e9933adedd2",
            False,
            "d1b1c98dd7689fb8ec11d242b123dc9b",
            "437b9aec36",
        ),
        # [RFC9001] A.5
        (
            "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
            True,
            "5e5cd55c41f69080575d7999c25a5bfb",
            "aefefe7d03",
        ),
    ],
)
def test_samples_of_the_specification(key: str, chacha20: bool, sample: str, mask: str) -> None:
    made = header_mask(bytes.fromhex(key), chacha20=chacha20)
    assert made(bytes.fromhex(sample)).hex() == mask
