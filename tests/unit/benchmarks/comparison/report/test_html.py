"""The report in a real browser."""

import json
import re
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison.report import html
from benchmarks.comparison.report.summary import summarize

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--virtual-time-budget=5000",
    "--dump-dom",
)
# A window cannot be as narrow as a telephone; a frame can.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><script>
const results = {}
function look(frame) {
  const page = frame.contentDocument
  results[frame.width] = {
    overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    drawings: [...page.querySelectorAll("svg[role=img]")].map(d => {
      const box = d.getBoundingClientRect()
      const texts = [...d.querySelectorAll("text")].map(t => t.getBoundingClientRect())
      return {
        width: box.width, height: box.height, marks: d.querySelectorAll("circle, rect").length,
        outside: texts.filter(t => t.left < box.left - 1 || t.right > box.right + 1).length,
      }
    }),
  }
  document.getElementById("out").textContent = JSON.stringify(results)
}
</script><pre id="out"></pre>
<iframe width="375" height="900" src="report.html" onload="look(this)"></iframe>
<iframe width="1600" height="900" src="report.html" onload="look(this)"></iframe>
"""


@pytest.mark.debian("chromium")
def test_a_browser_draws_it_narrow_and_wide(
    tmp_path: Path, make_result: Callable[[], dict[str, Any]]
) -> None:
    (tmp_path / "report.html").write_text(html.page(summarize(make_result())))
    (tmp_path / "frame.html").write_text(FRAME)
    done = subprocess.run(
        [
            "chromium",
            *FLAGS,
            f"--user-data-dir={tmp_path / 'profile'}",
            (tmp_path / "frame.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout)
    assert found is not None, done.stderr
    results = json.loads(unescape(found[1]))
    assert sorted(results) == ["1600", "375"]
    for width, page in results.items():
        assert page["overflow"] == 0, width
        # Per link: connecting, both ways of bulk, processor time; and two curves against loss.
        assert len(page["drawings"]) == 2 * 4 + 2
        for drawing in page["drawings"]:
            assert drawing["width"] > 200, width
            assert drawing["height"] > 100, width
            assert drawing["marks"] > 0, width
            assert drawing["outside"] == 0, width
