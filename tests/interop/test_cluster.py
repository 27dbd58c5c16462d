"""A Samba cluster behind two gateways, in short: what `python -m tests.cluster` does at length."""

import os

import pytest

from tests.cluster.__main__ import main

pytestmark = [
    pytest.mark.debian("smbd", "smbstatus", "smbpasswd", "ctdbd", "ctdb", "ip", "nsenter"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a cluster takes root"),
]


def test_work_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["--short", "--files", "folder", "--count", "2"])
    shown, errors = capfd.readouterr()
    assert code == 0, shown + errors
