"""Print the coverage of each room from coverage's JSON report; exit 1 if one has too little.

usage: coverage_by_room.py REPORT.json MINIMUM ROOM...
"""

import json
import sys
from collections import Counter
from pathlib import Path, PurePath


def main(report: Path, minimum: float, rooms: list[str]) -> int:
    """Show every room; those in `rooms` must have `minimum` percent of statements and branches."""
    counts: dict[str, Counter[str]] = {}
    for name, file in json.loads(report.read_text())["files"].items():
        parts = PurePath(name).parts
        room = PurePath(parts[parts.index("smbquic") + 1]).stem
        counts.setdefault(room, Counter()).update(
            {key: value for key, value in file["summary"].items() if isinstance(value, int)}
        )
    low = [room for room in rooms if room not in counts]
    print(f"{'room':<12} {'statements':>20} {'branches':>20}")
    for room, count in sorted(counts.items()):
        cells = []
        for covered, total in (
            (count["covered_lines"], count["num_statements"]),
            (count["covered_branches"], count["num_branches"]),
        ):
            percent = 100 * covered / total if total else 100.0
            cells.append(f"{covered}/{total} {percent:6.1f} %")
            if room in rooms and percent < minimum and room not in low:
                low.append(room)
        print(f"{room:<12} {cells[0]:>20} {cells[1]:>20}{'  too low' if room in low else ''}")
    print("Not counted: what runs in processes that tests start, which is most of cli.")
    if low:
        print(f"less than {minimum:g} %: {', '.join(low)}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
