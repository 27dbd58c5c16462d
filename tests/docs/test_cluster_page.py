"""The settings on the page about a cluster are those that tests/cluster runs."""

import tomllib

from tests.cluster.cluster import NODES
from tests.cluster.nodes import (
    CTDB_CONF,
    GLUSTER_SETTINGS,
    MOUNT_OPTIONS,
    SHARED,
    SMB_CONF,
    TUNABLES,
    VOLUME,
)
from tests.docs.pages import blocks

PAGE = "docs/howto/cluster.md"


def text(begins: str) -> str:
    [found] = [each.text for each in blocks(PAGE) if each.text.startswith(begins)]
    return found


def test_the_file_system() -> None:
    commands = text("apt install glusterfs-server").splitlines()
    volume = f"gluster volume set {VOLUME} "
    settings = [each.removeprefix(volume).split() for each in commands if each.startswith(volume)]
    assert dict(settings) == GLUSTER_SETTINGS
    options = f"-o {MOUNT_OPTIONS} localhost:/{VOLUME} {SHARED}"
    assert text("mount -t glusterfs").split() == f"mount -t glusterfs {options}".split()


def test_ctdb() -> None:
    assert text("[cluster]") in CTDB_CONF
    assert text("KeepaliveInterval") in TUNABLES
    assert text(NODES[0]).split() == list(NODES)


def test_samba() -> None:
    assert SMB_CONF.strip().startswith(text("[global]").strip())


def test_the_gateways() -> None:
    [pool] = tomllib.loads(text("listen ="))["gateway"]["pools"].values()
    assert pool["backends"] == [f"tcp://{node}:445" for node in NODES]
