"""What may stand in the configuration file."""

from smbquic.config.schema import SECTIONS


def test_every_key_says_what_it_is_for() -> None:
    for section in SECTIONS:
        for key in section.keys:
            assert key.text, f"{section.name}.{key.name}"
