"""The rules for the bridge: DNS and DHCP come in, containers reach the world, and get answers.  Pure.

LXC's, in its tables and chains. With nft they are tables of our own, which come and go as a whole, with what others have
put there; each rule says in a comment whose it is. With iptables they are put among those of others, one by one.
"""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network
    from typing import Any

    from lxc.bridge.settings import Settings

OWNER = "lxc-net"
TABLE = "lxc"


class Rule(Record):
    """A rule as nft(8) prints it, and as libnftables-json(5) has it, in JSON itself, so that it is a value."""

    text: str
    expressions: str


class Chain(Record):
    name: str
    kind: str
    hook: str
    priority: int
    rules: tuple[Rule, ...]


class Table(Record):
    """A step of the plan: the table TABLE of one family, made in one transaction."""

    family: str
    chains: tuple[Chain, ...]

    @property
    def purpose(self) -> str:
        return f"make the nftables table {self.family} {TABLE}"

    def __str__(self) -> str:
        chains = "".join(
            f"  chain {chain.name} {{\n    type {chain.kind} hook {chain.hook} priority {chain.priority};\n"
            + "".join(f'    {rule.text} comment "{OWNER}"\n' for rule in chain.rules)
            + "  }\n"
            for chain in self.chains
        )
        return f"nft -f - <<.\ntable {self.family} {TABLE} {{\n{chains}}}\n."

    def commands(self) -> str:
        """For `nft -j -f -`: the table as it is to be, whatever it was."""
        table = {"family": self.family, "name": TABLE}
        wanted: list[dict[str, Any]] = [
            {"add": {"table": table}},
            {"delete": {"table": table}},
            {"add": {"table": table}},
        ]
        for chain in self.chains:
            about = {"family": self.family, "table": TABLE}
            head = {"type": chain.kind, "hook": chain.hook, "prio": chain.priority}
            wanted.append({"add": {"chain": {**about, "name": chain.name, **head}}})
            wanted += (
                {"add": {"rule": {**about, "chain": chain.name, "expr": _loads(rule.expressions), "comment": OWNER}}}
                for rule in chain.rules
            )
        return _dumps({"nftables": wanted})

    def is_in(self, listing: str) -> bool:
        """Whether `nft -j list table` shows just this table."""
        return _shape(_listed(listing)) == _shape(_loads(self.commands())["nftables"], "add")


class Iptables(Record):
    """A step of the plan: one rule among those of others."""

    program: str
    table: str
    chain: str
    rule: tuple[str, ...]
    is_first: bool = False  # put before all others

    @property
    def purpose(self) -> str:
        return f"add a rule to {self.chain} of {self.program}'s table {self.table}"

    def argv(self, verb: str) -> tuple[str, ...]:
        return (self.program, "-w", "-t", self.table, verb, self.chain, *self.rule)

    def __str__(self) -> str:
        return " ".join(self.argv("-I" if self.is_first else "-A"))


def is_ours(listing: str, table: Table) -> bool:
    """Whether the table that `nft -j list table` shows was made by us, or by LXC's own lxc-net with the same settings.

    One rule of ours is enough: others may have added theirs.  So is a table of which somebody has flushed all rules,
    for there is nothing in it of anybody's.
    """
    shown, wanted = _listed(listing), _loads(table.commands())["nftables"]
    rules = [each["rule"] for each in shown if "rule" in each]
    if any(rule.get("comment") == OWNER for rule in rules):
        return True
    if not rules:
        return {*_shape(shown)} <= {*_shape(wanted, "add")}
    return _shape(shown, comments=False) == _shape(wanted, "add", comments=False)


def tables(settings: Settings) -> tuple[Table, ...]:
    """The nftables tables that the bridge needs."""
    bridge = settings.bridge
    ports = [_rule([_name("iifname", bridge), _ports(protocol)], "accept") for protocol in ("udp", "tcp")]
    through = [_rule([_name(key, bridge)], "accept") for key in ("iifname", "oifname")]
    nat6 = [Table("ip6", (_masquerade("ip6", settings.ipv6_network),))] if settings.ipv6_network else []
    nat = [Table("ip", (_masquerade("ip", settings.network),))] if settings.network else []
    chains = (
        Chain("input", "filter", "input", 0, tuple(ports)),
        Chain("forward", "filter", "forward", 0, tuple(through)),
    )
    return (*nat6, Table("inet", chains), *nat)


def iptables(settings: Settings) -> tuple[Iptables, ...]:
    """The same with iptables and ip6tables, and what old DHCP clients need: checksums filled in."""
    bridge = settings.bridge
    rules: list[Iptables] = []
    for protocol, port in (("udp", "67"), ("tcp", "67"), ("udp", "53"), ("tcp", "53")):
        let_in = ("-i", bridge, "-p", protocol, "--dport", port, "-j", "ACCEPT")
        rules.append(Iptables("iptables", "filter", "INPUT", let_in, is_first=True))
    rules += (
        Iptables("iptables", "filter", "FORWARD", (way, bridge, "-j", "ACCEPT"), is_first=True) for way in ("-i", "-o")
    )
    for program, network in (("iptables", settings.network), ("ip6tables", settings.ipv6_network)):
        if network:
            going_out = ("-s", str(network), "!", "-d", str(network), "-j", "MASQUERADE")
            rules.append(Iptables(program, "nat", "POSTROUTING", going_out))
    answer = ("-o", bridge, "-p", "udp", "-m", "udp", "--dport", "68", "-j", "CHECKSUM", "--checksum-fill")
    return (*rules, Iptables("iptables", "mangle", "POSTROUTING", answer))


def droppers(listing: str, bridge: str) -> list[str]:
    """Chains in `nft -j list ruleset` that drop what is forwarded unless a rule of theirs lets it: "ip filter FORWARD"."""
    listed = _listed(listing)
    accepting = {
        (rule["family"], rule["table"], rule["chain"])
        for each in listed
        if (rule := each.get("rule")) and f'"{bridge}"' in _dumps(rule["expr"])
    }
    return [
        f"{chain['family']} {chain['table']} {chain['name']}"
        for each in listed
        if (chain := each.get("chain"))
        and (chain.get("hook"), chain.get("policy")) == ("forward", "drop")
        and (chain["family"], chain["table"], chain["name"]) not in accepting
    ]


def _rule(matches: list[tuple[str, dict[str, Any]]], verdict: str) -> Rule:
    text = " ".join(text for text, _ in matches)
    return Rule(f"{text} {verdict}", _dumps([*(expression for _, expression in matches), {verdict: None}]))


def _name(key: str, value: str) -> tuple[str, dict[str, Any]]:
    return f'{key} "{value}"', {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": value}}


def _ports(protocol: str) -> tuple[str, dict[str, Any]]:
    left = {"payload": {"protocol": protocol, "field": "dport"}}
    return f"{protocol} dport {{ 53, 67 }}", {"match": {"op": "==", "left": left, "right": {"set": [53, 67]}}}


def _masquerade(family: str, network: IPv4Network | IPv6Network) -> Chain:
    def match(field: str, operator: str) -> tuple[str, dict[str, Any]]:
        left = {"payload": {"protocol": family, "field": field}}
        first = str(network.network_address)  # so nft shows a network that is one address
        is_one = network.num_addresses == 1
        right = first if is_one else {"prefix": {"addr": first, "len": network.prefixlen}}
        sign = "" if operator == "==" else f"{operator} "
        return f"{family} {field} {sign}{network}", {"match": {"op": operator, "left": left, "right": right}}

    rule = _rule([match("saddr", "=="), match("daddr", "!="), ("counter", {"counter": None})], "masquerade")
    return Chain("postrouting", "nat", "postrouting", 100, (rule,))


def _listed(listing: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = _loads(listing)["nftables"]
    except (ValueError, KeyError):
        return []
    return found


def _shape(listed: Iterable[dict[str, Any]], command: str = "", *, comments: bool = True) -> list[str]:
    """What chains and rules there are, without what the kernel counts and numbers."""
    shape = []
    for each in listed:
        item = each.get(command, {}) if command else each
        for kind, names in (
            ("chain", ("family", "name", "type", "hook", "prio")),
            ("rule", ("family", "chain", "expr")),
        ):
            if kind in item:
                kept = {name: item[kind].get(name) for name in (*names, *(("comment",) if comments else ()))}
                shape.append(_dumps(_without_counts(kept), sort_keys=True))
    return sorted(shape)


def _without_counts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: None if key == "counter" else _without_counts(content) for key, content in value.items()}
    return [_without_counts(each) for each in value] if isinstance(value, list) else value


def _dumps(value: Any, **options: Any) -> str:
    from json import dumps

    return dumps(value, **options)


def _loads(text: str) -> Any:
    from json import loads

    return loads(text)
