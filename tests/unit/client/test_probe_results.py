"""What the results of a probe say, and what is asked for without a word."""

from smbquic.client.probe_results import (
    ProbeFailed,
    ProbeOptions,
    ProbeOutcome,
    ProbeResult,
    ProbeStep,
)


def test_a_result_need_not_say_more_than_how_a_step_ended() -> None:
    result = ProbeResult(ProbeStep.NAME, ProbeOutcome.OK, "there")
    assert (result.advice, result.details, result.error, result.family) == ("", {}, None, "")


def test_a_failure_has_its_result() -> None:
    error = OSError("no")
    failed = ProbeFailed(ProbeStep.TLS, "refused", "ask", error, port=443)
    assert str(failed) == "refused"
    assert failed.result == ProbeResult(
        ProbeStep.TLS, ProbeOutcome.FAILED, "refused", "ask", {"port": 443}, error
    )
    assert ProbeFailed(ProbeStep.TLS, "refused", "ask").result.error is None


def test_a_probe_trusts_whom_the_system_trusts_and_does_not_log_on() -> None:
    options = ProbeOptions()
    assert options.trust is None
    assert options.insecure is False
    assert options.password is None
    assert options.timeout == 10.0
