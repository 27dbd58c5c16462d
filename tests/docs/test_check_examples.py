"""`.ci/check_examples` passes, and finds what is wrong in files of compose, Kubernetes, GitHub."""

import os
import shutil
import subprocess
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

LINTERS = ("check_jsonschema", "kubernetes_validate", "yamllint")

pytestmark = pytest.mark.skipif(
    any(find_spec(each) is None for each in LINTERS), reason="needs the linters of the group lint"
)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "examples", tmp_path / "examples"))


def check(
    examples: Path, workflows: Path = ROOT / ".github" / "workflows"
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ROOT / ".ci" / "check_examples", examples, workflows],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"},
        timeout=120,
    )


def test_the_examples_pass(examples: Path) -> None:
    done = check(examples)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("compose/compose.yaml", "read_only:", "readonly:", "'readonly' was unexpected"),
        ("compose/compose.yaml", "    restart:", "     restart:", "syntax error"),
        ("kubernetes/service.yaml", "  type:", "  typo:", "'typo' was unexpected"),
        ("kubernetes/service.yaml", "kind: Service", "kind: Servic", "kind Servic "),
        ("kubernetes/deployment.yaml", "replicas: 2", "replicas: two", "'two' is not of type"),
        ("kubernetes/deployment.yaml", "replicas: 2", "replicas: 2\n  replicas: 3", "duplication"),
    ],
)
def test_what_is_wrong_is_found(examples: Path, file: str, old: str, new: str, found: str) -> None:
    text = (examples / file).read_text()
    assert old in text
    (examples / file).write_text(text.replace(old, new, 1))
    done = check(examples)
    assert done.returncode != 0
    assert found in done.stdout + done.stderr


def test_what_is_wrong_in_a_workflow_is_found(examples: Path, tmp_path: Path) -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    (tmp_path / "release.yml").write_text(text.replace("id-token: write", "id-token: wirte", 1))
    done = check(examples, tmp_path)
    assert done.returncode != 0
    assert "'wirte'" in done.stdout + done.stderr
