"""Random operations on a mount, compared with a model."""

from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from tests.integration.mount_model import run_random_operations
from tests.integration.mounting import mounted, needs_fuse, serving

pytestmark = [needs_fuse, pytest.mark.debian("fusermount3")]


@pytest.mark.parametrize("transport", ["tcp", "quic"])
def test_random_operations(tmp_path: Path, pki: PkiDirectory, transport: str) -> None:
    with (
        serving(tmp_path, pki) as served,
        mounted(tmp_path / "mount", served.url(transport=transport), ca=served.ca) as mount,
    ):
        run_random_operations(mount, served.folder)
