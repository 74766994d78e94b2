"""The host's side of a container's network, in one life of it.  Runs in the monitor.

Devices are made in the container's network namespace, and go with it; so does
the host's end of a pair.  What the namespace does not take with it is undone
here, or by the guard if the monitor is killed.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.errors import LxcError, StepError
from lxc.kernel import rtnetlink
from lxc.kernel.netlink import Channel
from lxc.kernel.nl80211 import Wireless
from lxc.network import ends, loan, requests, steps
from lxc.network.ends import Owner
from lxc.network.guard import Guard
from lxc.network.links import Link, Links, is_name
from lxc.network.loan import Loan
from lxc.network.plan import Device, NetworkPlan
from lxc.network.steps import PAIR, DefaultVlan, Granted, Move, Mtu, Neighbour, Route, Stacked, Step, Veth, Vlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MTU = 1500


class Network:
    """What is made for a plan; whoever has one calls `undo` when the life is over, however far it came."""

    def __init__(self, wanted: NetworkPlan, whose: str) -> None:
        """`whose` it is: the container's path and name."""
        self._plan, self._whose = wanted, whose
        self._made: list[Device] = []  # with their names, as far as the up scripts have been run
        self._ends: dict[str, int] = {}  # of pairs, on the host: their numbers, for the names may become another's
        self._answering: list[Step] = []  # what outlives the namespace, in the order it was done
        self._ports: list[tuple[str, str]] = []  # (bridge, port) of Open vSwitch
        self._granted: list[tuple[Granted, str]] = []  # with the name of the host's end
        self._loans: list[Loan] = []
        self._indexes: dict[int, int] = {}  # of the devices that are lent: their number in the container
        self._guard: Guard | None = None
        self._seen: dict[str, Link] = {}  # bridges that were looked at, until something is made there

    def survey(self) -> NetworkPlan:
        """The plan, complete: with gateways that are the address of a bridge, and devices chosen by a prefix.

        Before init is made, for it inherits what is found.  Raises StepError.
        """
        if any(_is_open(device) for device in self._plan.devices):
            with Links(Channel()) as host:
                devices = tuple(_completed(device, host) for device in self._plan.devices)
            self._plan = self._plan.replace(devices=devices)
        return self._plan

    def name(self) -> tuple[Device, ...]:
        """The devices, for somebody else to make them: the host's ends have names that nothing has there.  Raises StepError."""
        with Links(Channel()) as host:
            named = tuple(_named(device, host, self._owner) for device in self._plan.devices)
            self._plan = self._plan.replace(devices=named)
        return self._plan.devices

    def prepare(self, netns: int, pid: int, tell: Callable[[Device], None], *, exist: bool = False) -> None:
        """Make the devices, in the namespace `netns`, that of process `pid`; `tell` runs a device's up script.

        If they `exist`, with those names, all else is done.  Raises StepError, OSError.

        What was made before a failure is left to `undo`.
        """
        if not any(device.make or device.before for device in self._plan.devices):
            for device in self._plan.devices:
                tell(device)
                self._made.append(device)
            return
        with Links(Channel()) as host:
            self._guard = self._guarded(host, netns)
            for device in self._plan.devices:
                made = self._make(device, host, netns, pid, exists=exist)
                tell(made)
                self._made.append(made)
            for each in self._loans:
                self._lend(each, host, netns)

    def undo(self, netns: int, tell: Callable[[Device], None]) -> None:
        """Undo what the namespace `netns` (-1: there is none) does not take with it; `tell` runs a down script.

        What fails is logged.
        """
        self._bring_home(netns)
        self._stop_answering()
        made, self._made = self._made, []
        for device in made:
            try:
                tell(device)
            except (OSError, LxcError) as error:
                log.warn(str(error))
        self._delete_ports()
        self._delete_granted(netns)
        self._take_out(made)
        guard, self._guard = self._guard, None
        if guard:
            guard.dismiss()

    @property
    def _owner(self) -> Owner:
        return Owner(self._plan.owner, tuple(self._ends.values()))

    @property
    def may_rest(self) -> bool:
        """Whether what is to be undone is all in here, and no other process stands by for it."""
        return self._guard is None

    @property
    def leaves_nothing(self) -> bool:
        """Whether all that was made goes with the container's namespace, but for what `out_of_use` asks."""
        is_named = any(self._is_named(device) for device in self._made)
        return not (self._answering or self._ports or self._granted or self._loans or is_named)

    @property
    def out_of_use(self) -> bytes:
        """What is to be asked of the kernel when the life is over, if that `leaves_nothing`."""
        return ends.requests(tuple(self._ends.values()))

    def item(self, key: str) -> str:
        """What the key `lxc.net.N.name` or `lxc.net.N.veth.pair` is in this life; "" if nothing is known of it."""
        for device in self._made:
            names = {
                f"lxc.net.{device.number}.name": device.name,
                f"lxc.net.{device.number}.veth.pair": device.pair,
            }
            if names.get(key):
                return names[key]
        return ""

    def _guarded(self, host: Links, netns: int) -> Guard | None:
        """A guard, if there is something to guard."""
        devices = self._plan.devices
        self._loans = [_loan(device, host) for device in devices if isinstance(device.make, Move)]
        answers = any(device.before for device in devices)
        on_switches = [device for device in devices if self._is_on_switch(device, host)]
        if not (self._loans or answers or on_switches):
            return None
        return Guard(self._whose, lambda told: self._undo_for_monitor(told, netns), (netns,))

    def _is_on_switch(self, device: Device, host: Links) -> bool:
        if not isinstance(device.make, (Veth, Granted)) or not device.make.bridge:
            return False
        bridge = host.find(device.link)
        if bridge:
            self._seen[device.link] = bridge
        return _is_switch(bridge)

    def _undo_for_monitor(self, told: bytes, netns: int) -> None:
        """In the guard: the monitor has been killed, after having told us what it did."""
        for line in told.decode(errors="surrogateescape").splitlines():
            what, *words = line.split("\t")
            if what == "lent":
                self._indexes[int(words[0])] = int(words[1])
            elif what == "port":
                self._ports.append((words[0], words[1]))
            elif what == "granted":
                makes = (device.make for device in self._plan.devices if device.number == int(words[0]))
                self._granted += ((make, words[1]) for make in makes if isinstance(make, Granted))
        answering = told.count(b"answering\n")
        self._answering = [step for device in self._plan.devices for step in device.before][:answering]
        self._bring_home(netns)
        self._stop_answering()
        self._delete_ports()
        self._delete_granted(netns)

    def _make(self, device: Device, host: Links, netns: int, pid: int, *, exists: bool) -> Device:
        """Make one device, and return it with the names it got."""
        for step in device.before:
            _perform(step, host)
            self._answering.append(step)
            self._remember("answering")
        match device.make:
            case Veth():
                device = device.paired(self._make_pair(device.make, device.number, host, netns, exists=exists))
                is_on_switch = any(port == device.pair for _, port in self._ports)
                for step in device.after:
                    if not (is_on_switch and isinstance(step, (DefaultVlan, Vlan))):  # it knows of them already
                        _perform(step, host)
            case Granted() as asked:
                from lxc.network import grant  # here, and the other programs below: few starts have one take part

                pair = grant.create(asked, pid)
                self._granted.append((asked, pair))
                self._remember("granted", str(device.number), pair)
                device = device.paired(pair)
            case Stacked() if not exists:
                _stack(device.make, host, netns)
            case Move():
                if device.make.mtu:
                    link = _linked(device.make, device.link, host)
                    with _doing(Mtu(device.link, device.make.mtu, device.make.where)):
                        host.change(link.index, mtu=device.make.mtu)
        return device

    def _make_pair(self, veth: Veth, number: int, host: Links, netns: int, *, exists: bool) -> str:
        """Make the pair of lxc.net.`number`, or have one that `exists` as it is to be; return the name of the host's end."""
        bridge = self._seen.pop(veth.bridge, None) or _linked(veth, veth.bridge, host) if veth.bridge else None
        link = bridge if veth.mtu_of == veth.bridge else host.find(veth.mtu_of) if veth.mtu_of else None
        is_switch = bridge is not None and _is_switch(bridge)
        if bridge and not is_switch and (veth.vlan_id is not None or veth.vlan_tagged) and not bridge.vlan_filtering:
            hint = f"switch it on: ip link set {bridge.name} type bridge vlan_filtering 1"
            raise StepError(str(veth), f"the bridge {bridge.name} does not filter VLANs", where=veth.where, hint=hint)
        mtu = veth.mtu or (link.mtu if link else 0) or _MTU
        fields = {
            "flags": rtnetlink.IFF_UP, "change": rtnetlink.IFF_UP, "address": f"fe:{os.urandom(5).hex(':')}",
            "mtu": mtu, **({"master": bridge.index} if bridge and not is_switch else {}),
        }  # fmt: skip
        peer = {"ifname": veth.name, "mtu": mtu, "netns_fd": netns, **_queues(veth.n_rxqueues, veth.n_txqueues)}
        made = {**_queues(veth.n_txqueues, veth.n_rxqueues), "linkinfo": {"kind": "veth", "veth": {"peer": peer}}}
        pair = veth.pair
        with _doing(veth):
            if exists:
                host.change(host.index(pair), **fields)
            else:
                pair = ends.create(pair, fields | made, host, self._owner)
            self._ends[pair] = host.index(pair)
        ends.mark(self._ends[pair], number, host, self._owner)
        if bridge and is_switch:
            self._ports.append((bridge.name, pair))
            self._remember("port", bridge.name, pair)
            from lxc.network import switch

            switch.add_port(bridge.name, pair, veth.vlan_id, veth.vlan_tagged, veth.where)
        return pair

    def _lend(self, each: Loan, host: Links, netns: int) -> None:
        device = next(device for device in self._plan.devices if device.number == each.number)
        assert isinstance(device.make, Move)
        with _doing(device.make):
            index = self._indexes[each.number] = loan.lend(each, host, netns)
        self._remember("lent", str(each.number), str(index))

    def _remember(self, *words: str) -> None:
        if self._guard:
            self._guard.tell("\t".join(words).encode(errors="surrogateescape") + b"\n")

    def _bring_home(self, netns: int) -> None:
        loans, self._loans = self._loans, []
        for each in loans:
            loan.bring_home(each, self._indexes.pop(each.number, 0), netns)

    def _stop_answering(self) -> None:
        answering, self._answering = self._answering, []
        if not answering:
            return
        with Links(Channel()) as host:
            for step in reversed(answering):
                try:
                    requests.undo(step, host)
                except OSError as error:
                    log.warn(f"cannot undo {step}: {error.strerror}")

    def _delete_ports(self) -> None:
        ports, self._ports = self._ports, []
        for bridge, port in ports:
            from lxc.network import switch

            try:
                switch.delete_port(bridge, port)
            except (OSError, StepError) as error:
                log.warn(str(error))

    def _is_named(self, device: Device) -> bool:
        """Whether it is the configuration that names the host's end of the pair."""
        makes = (planned.make for planned in self._plan.devices if planned.number == device.number)
        return any(isinstance(make, Veth) and make.pair != PAIR for make in makes)

    def _take_out(self, made: list[Device]) -> None:
        pairs, numbers, self._ends = [device for device in made if isinstance(device.make, Veth)], self._ends, {}
        if not pairs:
            return
        with Links(Channel()) as host:
            for device in pairs:
                name = ends.invented() if self._is_named(device) else ""
                ends.take_out(numbers[device.pair], host, name)

    def _delete_granted(self, netns: int) -> None:
        """The namespace takes them with it, but later than the user may want another, and not out of Open vSwitch."""
        granted, self._granted = self._granted, []
        for step, pair in granted:
            from lxc.network import grant

            try:
                grant.delete(step, netns, pair)
            except StepError as error:
                log.debug(f"{pair} goes with the container's network namespace: {error}")


class _doing:
    """`with _doing(step):` says of an OSError in the block what could not be done, and where that was asked for."""

    def __init__(self, step: Step | Veth | Stacked | Move | Mtu) -> None:
        self._step = step

    def __enter__(self) -> None:
        log.trace(self._step)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            hint = steps.hint(self._step, error.errno)
            raise StepError(str(self._step), error, where=self._step.where, hint=hint) from error


def _perform(step: Step, host: Links) -> None:
    with _doing(step):
        requests.perform(step, host)


def _is_open(device: Device) -> bool:
    """Whether something about it must be looked for on the host."""
    return bool(_autos(device)) or (isinstance(device.make, Move) and device.link.endswith("+"))


def _autos(device: Device) -> tuple[Step, ...]:
    steps = (*device.after, *device.inside)
    return tuple(step for step in steps if isinstance(step, (Route, Neighbour)) and step.auto)


def _completed(device: Device, host: Links) -> Device:
    if isinstance(device.make, Move) and device.link.endswith("+"):
        prefix = device.link[:-1]
        found = [link.name for link in host.all() if link.name.startswith(prefix)]
        if not found:
            why = f"this host has no network device whose name begins with {prefix}"
            raise StepError(str(device.make), why, where=device.make.where_link)
        device = device.called(found[-1])

    def completed(step: Step) -> Step:
        if isinstance(step, Route) and step.auto:
            return step.replace(gateway=_gateway(step, host), auto="")
        if isinstance(step, Neighbour) and step.auto:
            return step.replace(address=_gateway(step, host), auto="")
        return step

    return device.replace(after=tuple(map(completed, device.after)), inside=tuple(map(completed, device.inside)))


def _gateway(step: Route | Neighbour, host: Links) -> str:
    """The address of the device `step.auto`, which is its network's gateway."""
    found = host.find(step.auto)
    addresses = host.addresses(found.index, requests.FAMILIES[step.family]) if found else ()
    if not addresses:
        why = f"{step.auto} has no {step.family} address" if found else f"there is no network device {step.auto}"
        raise StepError(str(step), why, where=step.where, hint="write the gateway's address")
    return addresses[0]


def _linked(step: Veth | Stacked | Move, link: str, host: Links) -> Link:
    """The device of the host's that `step` needs.  Raises StepError if there is none."""
    found = host.find(link)
    if not found:
        hint = f"make {link}, as lxc-net makes its bridge, or correct the link"
        raise StepError(str(step), f"there is no network device {link}", where=step.where_link, hint=hint)
    return found


def _is_switch(link: Link | None) -> bool:
    """Whether it can only be a bridge of Open vSwitch's: it is none of the kernel's."""
    return link is not None and link.kind != "bridge"


def _loan(device: Device, host: Links) -> Loan:
    assert isinstance(device.make, Move)
    link = _linked(device.make, device.link, host)
    if not is_name(device.name):
        why = f"{device.name!r} cannot be the name of a network device"
        raise StepError(str(device.make), why, where=device.make.where)
    with Wireless() as here:
        radio = here.radio(link.index)
        return Loan(link, device.name, device.number, radio, radio < 0 or len(here.interfaces(radio)) == 1)


def _stack(step: Stacked, host: Links, netns: int) -> None:
    link = _linked(step, step.link, host)
    mtu = {"mtu": step.mtu} if step.mtu else {}
    info = {"kind": step.type, step.type: dict(step.options)}
    made = {"ifname": step.name, "link": link.index, "netns_fd": netns, **mtu, "linkinfo": info}
    with _doing(step):
        host.channel.request(rtnetlink.RTM_NEWLINK, rtnetlink.NEW, **made)


def _named(device: Device, host: Links, owner: Owner) -> Device:
    """The same, with a name for the host's end that nothing has."""
    if not isinstance(device.make, Veth):
        return device
    with _doing(device.make):
        return device.paired(ends.free(device.pair, host, owner))


def _queues(rx: int, tx: int) -> dict[str, int]:
    return {name: number for name, number in (("n_rxqueues", rx), ("n_txqueues", tx)) if number}
