"""The schema of the configuration file."""

from smbquic.config.schema import SECTIONS


def test_every_key_says_what_it_is_for() -> None:
    for section in SECTIONS:
        for key, option in section.keys.items():
            assert option.text, f"{section.name}.{key}"
            assert option.kind is not None
