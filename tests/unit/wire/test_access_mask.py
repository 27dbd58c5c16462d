from smbquic.wire.access_mask import AccessMask


def test_folders_have_their_own_names_for_the_same_bits() -> None:
    assert AccessMask(1).name == "FILE_READ_DATA"
    names = AccessMask.__members__
    assert names["FILE_LIST_DIRECTORY"] is names["FILE_READ_DATA"]
    assert names["FILE_ADD_FILE"] is names["FILE_WRITE_DATA"]
    assert names["FILE_ADD_SUBDIRECTORY"] is names["FILE_APPEND_DATA"]
    assert names["FILE_TRAVERSE"] is names["FILE_EXECUTE"]


def test_full_control() -> None:
    # What Windows calls full control: all rights to a file, all standard ones and SYNCHRONIZE.
    files = [member for member in AccessMask if member < 0x200]
    standard = [member for member in AccessMask if 0x10000 <= member <= 0x100000]
    assert sum(files) == 0x1FF
    assert sum(files) + sum(standard) == 0x001F01FF
