"""lxc-net: the bridge that containers are on by default."""

from __future__ import annotations

import os

from lxc.cli import output
from lxc.cli.options import Command, Printing, switch
from lxc.errors import LxcError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from lxc.bridge.doctor import Finding
    from lxc.bridge.service import Status

RUNNING, FAILED, MISUSED, STOPPED = 0, 1, 2, 3
VERBS = ("start", "stop", "restart", "reload", "force-reload", "status", "doctor")


class NetArguments(Printing):
    WITHOUT = ("name", "lxcpath", "rcfile")

    dry_run = switch("dry-run", "", "With start: print what it would make, in order, and do nothing.")


def check(arguments: NetArguments) -> None:
    if len(arguments.operands) != 1 or arguments.operands[0] not in VERBS:
        error = UsageError(f"expected one of: {', '.join(VERBS)}")
        error.exit_status = MISUSED
        raise error
    if arguments.dry_run and arguments.operands[0] != "start":
        raise UsageError("--dry-run is for start")


COMMAND = Command(
    "lxc-net",
    NetArguments,
    summary="Makes the bridge that containers are on by default.",
    description="start makes a bridge with an IPv4 and an IPv6 network of its own, starts a server on it that gives "
    "containers addresses and knows them by name (dnsmasq), and has what leaves the bridge masqueraded. What is there "
    "already stays as it is: start may be repeated, and makes good what is missing. If a step fails, what was made is "
    "undone. stop takes away what start has made, and nothing else; a bridge with containers on it stays. restart, reload "
    "and force-reload do both.\n\n"
    "status prints how the bridge is, doctor what keeps containers from the network, and what to do.\n\n"
    "The files /etc/default/lxc and /etc/default/lxc-net, or those in /etc/sysconfig, are read by a shell, and may set: "
    "USE_LXC_BRIDGE (nothing is made unless it is true), LXC_BRIDGE (lxcbr0), LXC_BRIDGE_MAC, LXC_ADDR (10.0.3.1), "
    "LXC_NETMASK, LXC_NETWORK, LXC_DHCP_RANGE, LXC_DHCP_MAX, LXC_DHCP_CONFILE (a configuration of dnsmasq's), "
    "LXC_DHCP_PING (false: addresses are not tried before they are given away), LXC_DOMAIN, LXC_USE_NFT (false: iptables), "
    "LXC_IPV6_ENABLE, LXC_IPV6_NAT, LXC_IPV6_PREFIX (of a private network that is another one on each host), LXC_IPV6_ADDR, "
    "LXC_IPV6_MASK, LXC_IPV6_NETWORK. What is not set follows from what is.\n\n"
    "With --format json status prints an object: bridge, started, exists, ports (names of the devices on it), server_pid (0: "
    "it does not run), leases, missing (what is not as it should be); and doctor an array of objects: what, remedy.",
    operands="start|stop|restart|reload|force-reload|status|doctor",
    name="none",
    containers="none",
    complete=VERBS,
    check=check,
    exits=(
        ("0", "Done; with status: it is as it should be; with doctor: nothing is wrong."),
        ("1", "An error; with status: something is missing; with doctor: something is wrong."),
        ("2", "The command line is wrong."),
        ("3", "With status: it is not running."),
    ),
    examples=(
        ("lxc-net start", "Makes lxcbr0, or what is missing of it."),
        ("lxc-net start --dry-run", "Shows what that would be."),
        ("lxc-net doctor", "Why has my container no network?"),
    ),
    see_also=("lxc.container.conf(5)", "dnsmasq(8)", "nft(8)"),
)


def run(arguments: NetArguments) -> int:
    from lxc.bridge import service, settings

    verb = arguments.operands[0]
    asked = service.asked() if verb == "stop" else None  # what is in the files by now is nothing to a stop
    given = settings.read() if asked is None else asked
    if arguments.dry_run:
        output.lines(str(step) for step in service.planned(given))
        return RUNNING
    if verb in ("status", "doctor"):
        if os.geteuid() != 0:
            raise LxcError("only root sees the firewall's rules", hint=f"sudo lxc-net {verb}")
        status = service.Service(given).status()
        return _status(arguments, status) if verb == "status" else _doctor(arguments, status)
    return _act(verb, given, quiet=arguments.quiet)


def _act(verb: str, given: Mapping[str, str], *, quiet: bool) -> int:
    from lxc.bridge.service import Service

    if os.geteuid() != 0:
        raise LxcError("only root changes the host's network", hint=f"sudo lxc-net {verb}")
    with Service(given) as service:
        if verb != "start":
            stopped = service.stop()
            if verb == "stop" and not stopped and not quiet:
                output.lines(["lxc-net isn't running"])
        if verb == "stop" or not service.settings.use:
            return RUNNING
        try:
            started = service.start()
        except LxcError:
            if not quiet:
                output.lines(["Failed to setup lxc-net."], output.STDERR)
            raise
        if not started and not quiet:
            output.lines(["lxc-net is already running"])
    return RUNNING


def _status(arguments: NetArguments, status: Status) -> int:
    settings = status.settings
    if arguments.format == "json":
        output.json({
            "bridge": settings.bridge, "started": status.is_noted, "exists": status.exists, "ports": status.ports,
            "server_pid": status.server_pid, "leases": status.leases,
            "missing": [step.purpose for step in status.missing],
        })  # fmt: skip
    elif not status.exists and not status.is_noted:
        output.lines([f"{settings.bridge} is not there: lxc-net has not been started"])
    else:
        addresses = ", ".join(str(each) for each in (settings.ipv4, settings.ipv6) if each)
        output.lines([
            f"{settings.bridge}: {addresses}",
            f"containers: {', '.join(status.ports) or 'none'}",
            f"dnsmasq: {f'pid {status.server_pid}, {status.leases} addresses given away' if status.server_pid else 'not running'}",
            *(f"missing: to {step.purpose}" for step in status.missing),
        ])  # fmt: skip
    if not status.is_noted and not status.exists:
        return STOPPED
    return FAILED if status.missing else RUNNING


def _doctor(arguments: NetArguments, status: Status) -> int:
    from lxc.bridge import doctor

    found: list[Finding] = doctor.findings(status)
    if arguments.format == "json":
        output.json([{"what": each.what, "remedy": each.remedy} for each in found])
    elif not found:
        output.lines([f"{status.settings.bridge}: nothing is wrong"])
    else:
        output.lines(line for each in found for line in (each.what, f"  {each.remedy}"))
    return FAILED if found else RUNNING
