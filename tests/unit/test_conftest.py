"""Tests whose programs are missing: skipped at home, failed in CI."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("variables", "summary"), [({}, "1 passed, 1 skipped"), ({"CI": "true"}, "1 passed, 1 error")]
)
def test_missing_programs(variables: dict[str, str], summary: str, tmp_path: Path) -> None:
    shutil.copy(HERE.parent / "conftest.py", tmp_path)
    shutil.copy(HERE.parents[1] / "pyproject.toml", tmp_path)
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.debian('no-such-program')\n"
        "def test_a(): pass\n"
        "@pytest.mark.debian('env')\n"
        "def test_b(): pass\n"
    )
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "CI" and not name.startswith(("PYTEST_", "COV_CORE_", "COVERAGE_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(HERE.parents[1]), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert summary in done.stdout
    assert "not installed: no-such-program (CONTRIBUTING.md names" in done.stdout
