from smbquic.wire.fscc.fsctl import Fsctl


def test_codes_of_the_specification() -> None:
    # [MS-SMB2] 2.2.31
    assert {code.name: int(code) for code in Fsctl if code > 0x100000} == {
        "PIPE_WAIT": 0x00110018,
        "PIPE_PEEK": 0x0011400C,
        "PIPE_TRANSCEIVE": 0x0011C017,
        "SRV_REQUEST_RESUME_KEY": 0x00140078,
        "LMR_SET_LINK_TRACKING_INFORMATION": 0x001400EC,
        "LMR_REQUEST_RESILIENCY": 0x001401D4,
        "QUERY_NETWORK_INTERFACE_INFO": 0x001401FC,
        "VALIDATE_NEGOTIATE_INFO": 0x00140204,
        "SRV_ENUMERATE_SNAPSHOTS": 0x00144064,
        "SRV_COPYCHUNK": 0x001440F2,
        "SRV_READ_HASH": 0x001441BB,
        "SRV_COPYCHUNK_WRITE": 0x001480F2,
    }


def test_no_code_has_two_names() -> None:
    assert len(Fsctl) == len(Fsctl.__members__)
