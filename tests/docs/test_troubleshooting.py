"""docs/howto/troubleshooting.md has a section for all that a probe says, which the probe names."""

import re

import pytest

from smbquic.cli.probe import _document
from smbquic.client.probe_path import _CERTIFICATE_ADVICE, _CLIENT_REASONS
from smbquic.client.probe_results import ProbeOutcome, ProbeResult, ProbeStep
from tests.docs.machine import ReaderMachine
from tests.docs.pages import ROOT, anchors, read
from tests.docs.reading import READY, Reader

PAGE = "docs/howto/troubleshooting.md"


def section(step: ProbeStep) -> str:
    """Return the text below the heading of a step."""
    return re.split(rf"(?m)^## {step}$", read(PAGE))[1].split("\n## ")[0]


@pytest.mark.parametrize("step", ProbeStep)
def test_a_step_that_failed_names_its_section(step: ProbeStep) -> None:
    failed = _document(ProbeResult(step, ProbeOutcome.FAILED, "it failed"))
    page, _, anchor = failed["help"].partition("#")
    assert (ROOT / page).is_file()
    assert anchor in anchors(page)
    assert len(section(step).split()) > 20


def test_a_step_that_succeeded_needs_no_help() -> None:
    for outcome in set(ProbeOutcome) - {ProbeOutcome.FAILED}:
        assert _document(ProbeResult(ProbeStep.NAME, outcome, ""))["help"] is None


def test_each_reason_to_refuse_a_certificate_is_there() -> None:
    for step, reasons in (
        (ProbeStep.CERTIFICATE, _CERTIFICATE_ADVICE),
        (ProbeStep.CLIENT_CERTIFICATE, _CLIENT_REASONS),
    ):
        assert re.findall(r"(?m)^\| `([\w-]+)` \|", section(step)) == list(reasons)


def test_probing(machine: ReaderMachine) -> None:
    server, client = machine.terminal("server"), machine.terminal("client")
    with Reader(machine, PAGE) as reader:
        server.start(
            "smbquic serve --share data=/srv/data --user alice --name fs.example"
            " --listen quic://0.0.0.0:8443\n"
        )
        server.wait_for(READY)
        client.run("export SMBQUIC_CA=~/.local/share/smbquic/pki/ca.pem")
        assert "share: data can be used" in reader.run("smbquic probe", client)
        shown = client.run("env -u SMBQUIC_CA smbquic probe smb+quic://fs.example:8443 || true")
        assert f"more: {PAGE}#certificate" in shown
