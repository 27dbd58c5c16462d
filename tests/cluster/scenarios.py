"""What is done to a cluster, and what the connections see of it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.cluster.cluster import Cluster
from tests.cluster.nodes import Node

SETTLING = 2.0
"""Seconds of quiet before the next thing is done, in which new connections are made as well."""
MOVES = ("198.18.0.111", "198.18.0.121", "198.18.0.131")


@dataclass
class Outcome:
    """What was seen of one thing that was done.

    `hit` are the connections that went over what was done, `others` the rest; `paused` is the
    longest time in which one of them could not write a record and flush it.
    """

    what: str
    hit: int = 0
    others: int = 0
    reconnected: dict[str, int] = field(default_factory=dict)
    paused: dict[str, float] = field(default_factory=dict)
    kept: int = 0
    kept_elsewhere: int = 0
    lost: int = 0
    locks_lost: int = 0
    copies: int = 0
    unequal: int = 0
    failed: list[str] = field(default_factory=list)
    dialled: int = 0
    refused: int = 0
    slowest: float = 0.0
    notes: list[str] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def observe(
    cluster: Cluster, what: str, action: Callable[[Outcome], object], hit: Sequence[str] = ()
) -> Outcome:
    """Do something while everybody works, wait until all work again, and say what was seen.

    `hit` are the connections that are expected to notice.
    """
    others = [who for who in cluster.connections if who not in hit]
    outcome = Outcome(what, len(hit), len(others))
    cluster.dial(on=True)
    began = time.monotonic()
    action(outcome)
    cluster.settle()
    time.sleep(SETTLING)
    cluster.settle()
    cluster.dial(on=False)
    events = cluster.events
    for name, group in (("hit", hit), ("others", others)):
        outcome.paused[name] = max(
            (each["seconds"] for who in group for each in events.of("pause", began, who)),
            default=0.0,
        )
        outcome.reconnected[name] = sum(bool(events.of("connected", began, who)) for who in group)
    opens = events.of("open file", began)
    kept = [each for each in opens if each["kept"]]
    outcome.kept, outcome.lost = len(kept), len(opens) - len(kept)
    outcome.kept_elsewhere = sum(each["moved"] for each in kept)
    outcome.locks_lost = len(events.of("lock lost", began))
    copies = [each["equal"] for each in events.of("copied", began)]
    outcome.copies, outcome.unequal = len(copies), copies.count(False)
    outcome.failed = [
        f"{each['who']}: {each['what']}: {each['why']}" for each in events.of("failed", began)
    ]
    dialled = events.of("dialled", began)
    outcome.dialled = len(dialled)
    outcome.refused = sum(bool(each["error"]) for each in dialled)
    outcome.slowest = max((each["seconds"] for each in dialled), default=0.0)
    outcome.notes += [f"a new connection failed: {e['error']}" for e in dialled if e["error"]]
    return outcome


def on_node(cluster: Cluster, node: Node) -> list[str]:
    """Return the connections that are to a node now."""
    return [who for who in cluster.connections if cluster.place(who)["node"] == node.name]


def through(cluster: Cluster, address: str) -> list[str]:
    """Return the connections that are through a gateway now."""
    return [who for who in cluster.connections if cluster.place(who)["gateway"] == address]


def busiest(cluster: Cluster) -> Node:
    """Return the node with the most connections."""
    return max(cluster.nodes, key=lambda node: len(on_node(cluster, node)))


def client_moves(cluster: Cluster) -> Outcome:
    """A client's machine gets another address, three times, in the middle of its transfers."""
    client = cluster.clients[0]
    hit = [who for who in cluster.connections if who.startswith(client.user)]

    def move(outcome: Outcome) -> None:
        for address in MOVES:
            client.use_address(address)
            cluster.settle()

    return observe(cluster, "a client moves three times", move, hit)


def gateway_killed(cluster: Cluster) -> Outcome:
    """A gateway's process is killed; its machine says that the port is closed."""
    gateway = cluster.gateways[0]
    hit = through(cluster, gateway.address)
    outcome = observe(cluster, "a gateway is killed", lambda _: gateway.kill_process(), hit)
    gateway.serve()
    return outcome


def worker_killed(cluster: Cluster) -> Outcome:
    """A worker process of a gateway is killed; the gateway goes on, with another one."""
    gateway = max(cluster.gateways, key=lambda each: len(through(cluster, each.address)))
    hit = through(cluster, gateway.address)
    return observe(cluster, "a worker of a gateway is killed", lambda _: gateway.kill_worker(), hit)


def gateway_cut(cluster: Cluster) -> Outcome:
    """A gateway's machine is cut off the network: nothing answers any more."""
    gateway = max(cluster.gateways, key=lambda each: len(through(cluster, each.address)))
    hit = through(cluster, gateway.address)
    outcome = observe(cluster, "a gateway is cut off", lambda _: cluster.switch.cut(gateway), hit)
    cluster.switch.connect(gateway)
    return outcome


def node_drained(cluster: Cluster) -> Outcome:
    """A node gets no new connections: weight 0, and a reload of both gateways."""
    node = busiest(cluster)

    def drain(outcome: Outcome) -> None:
        cluster.weigh(node, 0)
        for gateway in cluster.gateways:
            while gateway.backends()[node.address]["state"] != "drained":
                time.sleep(0.05)
        since = time.monotonic()
        cluster.settle()
        went = [e["node"] for e in cluster.events.of("dialled", since) if e["began"] >= since]
        outcome.notes.append(f"of {len(went)} new connections, {went.count(node.name)} went to it")

    return observe(cluster, "a node is drained: weight 0, SIGHUP", drain)


def node_disabled(cluster: Cluster) -> Outcome:
    """The drained node is disabled in CTDB."""
    node = drained(cluster)

    def disable(outcome: Outcome) -> None:
        node.run("ctdb", "disable")
        cluster.settle()
        states = [gateway.backends()[node.address] for gateway in cluster.gateways]
        outcome.notes.append(
            f"gateways see {', '.join(each['state'] for each in states)}, with"
            f" {sum(each['connections'] for each in states)} connections"
        )

    return observe(cluster, "that node is disabled: ctdb disable", disable)


def smbd_stopped(cluster: Cluster) -> Outcome:
    """The smbd of the drained node is ended; then all is as before."""
    node = drained(cluster)
    outcome = observe(
        cluster,
        "smbd of that node is stopped",
        lambda _: node.stop_smbd(),
        on_node(cluster, node),
    )
    node.start_smbd()
    node.run("ctdb", "enable")
    cluster.samba.wait_healthy(cluster.nodes)
    cluster.weigh(node, 1)
    return outcome


def drained(cluster: Cluster) -> Node:
    """Return the node whose weight is 0."""
    return next(node for node in cluster.nodes if not cluster.weights[node.address])


def leader_of(cluster: Cluster) -> Node:
    """Return the node that is CTDB's leader."""
    return cluster.nodes[cluster.nodes[0].leader()]


def follower_of(cluster: Cluster) -> Node:
    """Return the node with the most connections of those that are not CTDB's leader."""
    leader = leader_of(cluster)
    others = [node for node in cluster.nodes if node is not leader]
    return max(others, key=lambda node: len(on_node(cluster, node)))


def go_on_without(cluster: Cluster, node: Node, loss: Callable[[], object]) -> Callable[..., None]:
    """Return what loses a node, and notes when CTDB goes on without it."""
    living = [each for each in cluster.nodes if each is not node]

    def lose(outcome: Outcome) -> None:
        began = time.monotonic()
        loss()
        cluster.samba.wait_healthy(living)
        outcome.notes.append(f"the other nodes miss it after {time.monotonic() - began:.1f} s")

    return lose


def lost(cluster: Cluster, node: Node, what: str) -> Outcome:
    """Kill everything on a node: smbd, ctdbd, and the servers of its files."""
    lose = go_on_without(cluster, node, node.kill)
    return observe(cluster, f"{what} is killed", lose, on_node(cluster, node))


def killed(cluster: Cluster, node: Node, what: str) -> Outcome:
    """Kill everything on a node, and start it again."""
    outcome = lost(cluster, node, what)
    began = time.monotonic()
    cluster.samba.restart(node)
    outcome.notes.append(f"started again, it is healthy after {time.monotonic() - began:.1f} s")
    return outcome


def node_lost(cluster: Cluster) -> Outcome:
    """Everything on a node is killed that is not CTDB's leader, and it does not come back."""
    return lost(cluster, follower_of(cluster), "a node")


def node_killed(cluster: Cluster) -> Outcome:
    """Everything on a node is killed that is not CTDB's leader."""
    return killed(cluster, follower_of(cluster), "a node")


def leader_killed(cluster: Cluster) -> Outcome:
    """Everything on the node is killed that is CTDB's leader."""
    return killed(cluster, leader_of(cluster), "the node of CTDB's leader")


def cut(cluster: Cluster, node: Node, what: str) -> Outcome:
    """Cut a node off the network, and connect it again."""
    lose = go_on_without(cluster, node, lambda: cluster.switch.cut(node))
    outcome = observe(cluster, f"{what} is cut off", lose, on_node(cluster, node))
    began = time.monotonic()
    cluster.switch.connect(node)
    cluster.samba.wait_healthy(cluster.nodes)
    outcome.notes.append(f"connected again, it is healthy after {time.monotonic() - began:.1f} s")
    return outcome


def node_cut(cluster: Cluster) -> Outcome:
    """A node is cut off the network, and lives on."""
    return cut(cluster, follower_of(cluster), "a node")


SHORT = (client_moves, worker_killed, gateway_killed, node_lost)
LONG = (
    client_moves,
    worker_killed,
    gateway_killed,
    gateway_cut,
    node_drained,
    node_disabled,
    smbd_stopped,
    node_killed,
    leader_killed,
    node_cut,
)


COLUMNS: Sequence[tuple[str, Callable[[Outcome], object]]] = (
    ("what was done", lambda each: each.what),
    ("on it", lambda each: each.hit),
    ("new", lambda each: each.reconnected["hit"]),
    ("pause", lambda each: f"{each.paused['hit']:.1f} s"),
    ("others", lambda each: each.others),
    ("new", lambda each: each.reconnected["others"]),
    ("pause", lambda each: f"{each.paused['others']:.1f} s"),
    ("opens kept", lambda each: f"{each.kept} of {each.kept + each.lost}"),
    ("elsewhere", lambda each: each.kept_elsewhere),
    ("locks lost", lambda each: each.locks_lost),
    ("copies", lambda each: each.copies),
    ("unequal", lambda each: each.unequal),
    ("dialled", lambda each: each.dialled),
    ("failed", lambda each: each.refused),
    ("slowest", lambda each: f"{each.slowest:.1f} s"),
)
"""Of the table: for connections on what was hurt and for all others, how many connected anew and
how long writing paused; then open files, locks and copies; then connections made meanwhile."""


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield a line for each outcome, with what is to be said besides under it."""
    rows = [[str(value(each)) for _, value in COLUMNS] for each in outcomes]
    heads = [name for name, _ in COLUMNS]
    widths = [max(map(len, cells)) for cells in zip(heads, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *rest = cells
        parts = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        return "  ".join([first.ljust(widths[0]), *parts])

    yield line(heads)
    for each, row in zip(outcomes, rows, strict=True):
        yield line(row)
        for note in [*each.notes, *each.failed]:
            yield f"    {note}"
