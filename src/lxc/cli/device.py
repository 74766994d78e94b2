"""lxc-device: give a running container a device, or take it away."""

from __future__ import annotations

from lxc.cli.options import Arguments, Command
from lxc.errors import LxcError, NotRunning, UsageError
from lxc.runtime import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.place import Place

_ACTIONS = ("add", "del")


def check(arguments: Arguments) -> None:
    words = arguments.operands
    if len(words) < 2:
        raise UsageError("Error: no command given: expected add DEVICE or del DEVICE")
    if not any(action.startswith(words[0]) for action in _ACTIONS) or not words[0]:
        raise UsageError("Error: Please use add or del")


COMMAND = Command(
    "lxc-device",
    Arguments,
    summary="Adds a device to a running container, or removes it.",
    description="DEVICE is a network device of the host's, or the path of a device node.\n\n"
    "A network device moves to the container, where it may be called NAME; del brings one of the container's to the "
    "host, where it may be called NAME. It arrives down, without addresses.\n\n"
    "A device node is made at the same path in the container, or at NAME, and the "
    "container may use it from then on; what is there already is replaced. A container with ids of its own, which "
    "cannot have nodes, gets the host's mounted.\n\n"
    "del takes away the device at DEVICE, or NAME, in the container, and forbids it.",
    operands="add|del DEVICE [NAME]",
    containers="running",
    check=check,
    exits=(("0", "Done."), ("1", "It was not done; a message says why.")),
    examples=(
        ("lxc-device -n web -- add /dev/ttyS0", "Lets web use the first serial line."),
        ("lxc-device -n web -- add /dev/loop7 /dev/disk", "Calls the device otherwise there."),
        ("lxc-device -n web -- del /dev/ttyS0", "Takes it away again."),
        ("lxc-device -n web -- add eth1 eth0", "Moves the host's eth1 to web, which knows it as eth0."),
    ),
    see_also=("lxc-cgroup(1)", "lxc.container.conf(5)"),
)


def run(arguments: Arguments) -> int:
    from lxc.runtime.changing import interfaces, nodes

    place, (action, device, *more) = arguments.place, arguments.operands
    if not client.is_running(place):
        raise NotRunning(f"Container {place.name} is not running")
    name = more[0] if more else ""
    adds = "add".startswith(action)
    try:
        if _is_network(place, device, name, adds=adds):
            (interfaces.attach if adds else interfaces.detach)(place, device, name)
        else:
            (nodes.add if adds else nodes.remove)(place, device, name)
    except LxcError as error:
        what = f"Failed to add {device} to {place.name}" if adds else f"Failed to del {device} from {place.name}"
        raise LxcError(f"{what}: {error}", hint=error.hint) from error
    return 0


def _is_network(place: Place, device: str, name: str, *, adds: bool) -> bool:
    """Whether a network device is meant.  Raises NotRunning, StepError."""
    from lxc.runtime.changing import interfaces

    if "/" in device:
        return False
    if adds:
        return interfaces.is_here(device)
    return interfaces.is_there(place, device) or (name != "" and "/" not in name)
