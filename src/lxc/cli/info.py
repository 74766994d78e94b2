"""lxc-info: what is to know about one container."""

from __future__ import annotations

from os import close

from lxc.cli import output
from lxc.cli.options import Command, Printing, switch, texts
from lxc.cli.sizes import in_units
from lxc.errors import LxcError, NotRunning
from lxc.record import Record
from lxc.runtime import client, questions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.cgroups.plan import Layout
    from lxc.cgroups.statistics import Usage
    from lxc.cli.output import Plain
    from lxc.runtime.commands import Request
    from lxc.runtime.place import Place

_LABEL_WIDTH = 15


class InfoArguments(Printing):
    keys = texts("config", "c", "KEY", "Print the value of KEY in the container's configuration.", complete="keys")
    ips = switch("ips", "i", "Print the IP addresses.")
    pid = switch("pid", "p", "Print the process id of the container's init.")
    stats = switch("stats", "S", "Print what the container uses: processor, disk, memory, network.")
    no_humanize = switch("no-humanize", "H", "Print plain numbers, and of a single value no label.")
    state = switch("state", "s", "Print the state.")

    @property
    def wanted(self) -> frozenset[str]:
        """What is asked for, besides the configuration; where nothing is, all."""
        chosen = frozenset(name for name in ("state", "pid", "ips", "stats") if getattr(self, name))
        return chosen if chosen or self.keys else frozenset(("name", "state", "pid", "ips", "stats"))


COMMAND = Command(
    "lxc-info",
    InfoArguments,
    summary="Prints information about a container.",
    description="Without one of the options -c, -i, -p, -s and -S all but the configuration is printed.\n\n"
    "With --format json the answer is an object: name, state, pid, ips (an array), cpu_ns, blkio_bytes, memory_bytes, "
    "kmem_bytes, networks (an array of objects: link, tx_bytes, rx_bytes), config (an object of keys and values; null "
    "for one that does not exist). It has the fields that were asked for; what is not known is null.",
    containers="defined",
    exits=(("0", "Done."), ("1", "There is no such container, or its configuration is wrong.")),
    examples=(
        ("lxc-info -n web", "Prints all about web."),
        ("lxc-info -n web -pH", "Prints nothing but the pid of its init."),
        ("lxc-info -n web -c lxc.uts.name", "Prints one setting of its configuration."),
    ),
    see_also=("lxc-ls(1)", "lxc-top(1)"),
)


class Network(Record):
    """A network device as the host sees it; the numbers are the container's: what it sends is `tx_bytes`."""

    link: str
    tx_bytes: int | None
    rx_bytes: int | None


class Facts(Record):
    """What was asked for; None is what was not, or what a stopped container does not have."""

    name: str | None = None
    state: str | None = None
    pid: int | None = None
    ips: tuple[str, ...] | None = None
    usage: Usage | None = None
    networks: tuple[Network, ...] | None = None
    config: tuple[tuple[str, str | None], ...] = ()


def run(arguments: InfoArguments) -> int:
    place = arguments.place
    try:
        asking = client.begin_to_ask(place, *asked(arguments))
        hierarchies = layout(arguments)  # while the monitor answers
        with asking.replies() as running:
            facts = gather(arguments, running, client.state(running), hierarchies)
    except NotRunning:
        if not (place.is_defined or arguments.rcfile):
            why = [f"  {place.hidden}"] if place.hidden else []
            said = [f"{place.name} doesn't exist", *why]
            output.lines(said, output.STDERR)  # shown in spite of -q, as scripts expect
            return 1
        arguments.config  # noqa: B018  # a configuration that is wrong is what there is to know about it
        facts = gather(arguments, place, "STOPPED")
    if arguments.format == "json":
        output.json(as_json(arguments, facts))
        return 0
    for key, value in facts.config:
        if value is None:
            output.lines([f"{key} invalid"], output.STDERR)
    output.others("".join(f"{line}\n" for line in text(arguments, facts)))
    return 0


def asked(arguments: InfoArguments) -> Iterator[Request]:
    """What a monitor will be asked for that, as far as that can be known before."""
    wanted = arguments.wanted
    if "pid" in wanted:
        yield questions.INIT_PID
    if "ips" in wanted:
        yield questions.INIT_PIDFD
    if "stats" in wanted:
        yield from questions.MEASURED
        yield from questions.NETWORKS


def layout(arguments: InfoArguments) -> Layout | None:
    """Where the numbers that are asked for are found; None if none are."""
    if "stats" not in arguments.wanted:
        return None
    from lxc.cgroups import finding

    return finding.find()


def gather(arguments: InfoArguments, place: Place, state: str, hierarchies: Layout | None = None) -> Facts:
    """Ask for what the options select."""
    wanted = arguments.wanted
    facts: dict[str, object] = {"config": tuple((key, _config_item(arguments, key)) for key in arguments.keys)}
    if "name" in wanted:
        facts["name"] = place.name
    if "state" in wanted:
        facts["state"] = state
    if state == "STOPPED":
        return Facts().replace(**facts)
    try:
        if "pid" in wanted:
            facts["pid"] = client.init_pid(place)
        if "ips" in wanted:
            facts["ips"] = _ips(place)
        if hierarchies:
            from lxc.runtime import statistics

            facts["usage"] = statistics.usage(place, hierarchies)
            facts["networks"] = tuple(_networks(place))
    except NotRunning:
        pass  # it has stopped meanwhile: what was found out before is still true
    return Facts().replace(**facts)


def text(arguments: InfoArguments, facts: Facts) -> Iterator[str]:
    """The lines to print."""
    bare = arguments.no_humanize and len(arguments.wanted) == 1
    rows = [
        ("Name:", facts.name),
        ("State:", facts.state),
        ("PID:", facts.pid),
        *(("IP:", ip) for ip in facts.ips or ()),
    ]
    yield from (str(it) if bare else _labelled(label, str(it)) for label, it in rows if it is not None)
    yield from _usage_lines(facts, humanize=not arguments.no_humanize)
    bare = arguments.no_humanize and len(arguments.keys) == 1
    for key, value in facts.config:
        if value is not None:
            yield value if bare else f"{key} = {value}" if value else f"{key} ="


def as_json(arguments: InfoArguments, facts: Facts) -> dict[str, Plain]:
    """The object to print: a field for all that was asked for."""
    wanted = arguments.wanted
    fields: dict[str, Plain] = {name: getattr(facts, name) for name in ("name", "state", "pid") if name in wanted}
    if "ips" in wanted:
        fields["ips"] = list(facts.ips or ())
    if "stats" in wanted:
        usage = facts.usage
        fields |= {
            "cpu_ns": usage.cpu_ns if usage else None,
            "blkio_bytes": usage.io_bytes if usage else None,
            "memory_bytes": usage.memory_bytes if usage else None,
            "kmem_bytes": usage.kernel_bytes if usage else None,
            "networks": [dict(network.__dict__) for network in facts.networks or ()],
        }
    if facts.config:
        fields["config"] = dict(facts.config)
    return fields


def humanized(size: int) -> str:
    """`size` in the largest unit that it exceeds, with two decimals."""
    wholes, hundredths, unit = in_units(size)
    return f"{wholes}.{hundredths:02d} {unit}" if unit else f"{size} bytes"


def _config_item(arguments: InfoArguments, key: str) -> str | None:
    try:
        return arguments.config.get_item(key)
    except KeyError:
        return None


def _ips(place: Place) -> tuple[str, ...] | None:
    from lxc.network import addresses

    pidfd = client.init_pidfd(place)
    try:
        return addresses.interfaces(pidfd, addressed=True).addresses()
    except OSError as error:
        raise LxcError(f"cannot look into the network of {place.name}: {error.strerror}") from error
    finally:
        close(pidfd)


def _networks(place: Place) -> Iterator[Network]:
    """The devices of the running configuration, up to the first that the host cannot see."""
    number = 0
    while kind := client.config_item(place, f"lxc.net.{number}.type"):
        link = client.config_item(place, f"lxc.net.{number}.{'veth.pair' if kind == 'veth' else 'link'}")
        if not link or "/" in link:
            return
        yield Network(link, _counter(link, "rx_bytes"), _counter(link, "tx_bytes"))
        number += 1


def _counter(device: str, name: str) -> int | None:
    """A counter of a device of the host's; what that end receives, the container has sent."""
    try:
        with open(f"/sys/class/net/{device}/statistics/{name}", "rb") as file:
            return int(file.read())
    except OSError:
        return None


def _usage_lines(facts: Facts, *, humanize: bool) -> Iterator[str]:
    if facts.usage is None:
        return
    size = humanized if humanize else str
    if facts.usage.cpu_ns is not None:
        cpu = f"{facts.usage.cpu_ns / 1e9:.2f} seconds" if humanize else str(facts.usage.cpu_ns)
        yield _labelled("CPU use:", cpu)
    sizes = (facts.usage.io_bytes, facts.usage.memory_bytes, facts.usage.kernel_bytes)
    for label, value in zip(("BlkIO use:", "Memory use:", "KMem use:"), sizes, strict=True):
        if value is not None:
            yield _labelled(label, size(value))
    for network in facts.networks or ():
        yield _labelled("Link:", network.link)
        if network.tx_bytes is not None:
            yield _labelled(" TX bytes:", size(network.tx_bytes))
        if network.rx_bytes is not None:
            yield _labelled(" RX bytes:", size(network.rx_bytes))
        yield _labelled(" Total bytes:", size((network.tx_bytes or 0) + (network.rx_bytes or 0)))


def _labelled(label: str, value: str) -> str:
    return f"{label:<{_LABEL_WIDTH}} {value}"
