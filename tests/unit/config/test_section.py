from smbquic.config.section import section_of
from smbquic.options.share import ShareFolder


def test_the_keys_are_those_options_that_a_file_can_have() -> None:
    section = section_of("shares", "[shares.NAME]", ShareFolder)
    assert list(section.keys)[:2] == ["path", "read_only"]
    assert section.text.startswith("A folder, or another storage,")
