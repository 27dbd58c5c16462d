"""What a transfer would take if nothing but the link took time: bytes and round trips."""

from dataclasses import dataclass
from math import ceil

from benchmarks.transfers.works import DELAY, RATE, Work

CONNECTING = 5
"""Round trips until the share can be used; see docs/explanation/performance.md."""
ENDING = 1
"""The session is logged off."""
UNDER_WAY = 256
"""Files that smbquic has under way."""
LISTED = 16
"""Folders that it lists at once."""
PAGE = 1 << 20
"""Bytes of directory entries that one message brings."""

# Bytes of SMB for each file, apart from its content: both messages of a `put` (CREATE, WRITE,
# SET_INFO and FLUSH; SET_INFO and CLOSE), the one of a `get` (CREATE, READ, CLOSE), and an entry of
# a listing with a name of 15 letters.
PUT_UP, PUT_DOWN = 1052, 1014
GET_UP, GET_DOWN = 384, 388
ENTRY = 112
FOLDER = 700
"""Bytes of the messages that list or make a folder."""
PACKET = 1448
"""Bytes of a packet's content; each costs `HEADERS` more, and what comes back for two of them."""
HEADERS = 52


@dataclass(frozen=True, slots=True)
class Model:
    """Round trips that follow one another, and bytes of IP packets in each direction."""

    round_trips: int
    up: int
    down: int

    @property
    def seconds(self) -> float:
        """Return the time for both, one after the other."""
        return self.round_trips * 2 * DELAY + max(self.up, self.down) * 8 / RATE


def model(work: Work, verb: str) -> Model:
    """Return the model of what smbquic does."""
    files, folders = work.files, work.folders
    waves = ceil(files / UNDER_WAY)
    # The root, and then all folders in it, several at a time: open and list, then close.
    listing = 2 + (0 if folders == 1 else 2 * ceil(folders / LISTED))
    entries = files * ENTRY + folders * FOLDER
    if verb == "put":
        trips, up, down = 1 + 2 * waves, files * (work.size + PUT_UP), files * PUT_DOWN
        trips += 0 if folders == 1 else ceil(folders / UNDER_WAY)
        up += folders * FOLDER
    elif verb == "get":
        # While the first files come, further folders are listed.
        trips = 2 + waves + (0 if folders == 1 else 1)
        up, down = files * GET_UP, files * (work.size + GET_DOWN) + entries
    elif verb == "list":
        # Two pages come with the first message, then one is asked for while another is looked at.
        trips, up, down = ceil(entries / PAGE) + 1, FOLDER, entries
    elif verb in ("sync", "check"):
        trips, up, down = listing, folders * FOLDER, entries
    else:
        moved = work.size + ceil(work.size / PAGE) * 2 * FOLDER
        trips = 4
        up, down = (moved, 0) if verb == "put-file" else (0, moved)
    return Model(CONNECTING + ENDING + trips, *_packets(up, down))


def _packets(up: int, down: int) -> tuple[int, int]:
    """Return bytes with headers, and with the acknowledgments of the other direction."""
    up_packets, down_packets = ceil(up / PACKET), ceil(down / PACKET)
    return (
        up + (up_packets + down_packets // 2) * HEADERS,
        down + (down_packets + up_packets // 2) * HEADERS,
    )
