from benchmarks.runner import retransmitted

SNMP = """\
Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoAlgorithm OutSegs RetransSegs InErrs
Tcp: 1 1200 17 0
Udp: InDatagrams NoPorts
Udp: 5 0
"""


def test_the_kernel_says_what_tcp_sent_again() -> None:
    assert retransmitted(SNMP) == 17
