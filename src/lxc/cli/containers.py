"""lxc-containers: the containers that start and stop with the host."""

from __future__ import annotations

import os
import time

from lxc.cli import main, output
from lxc.cli.options import Arguments, Command
from lxc.errors import LxcError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MISUSED = 2
VERBS = ("start", "stop", "restart", "reload", "force-reload")
VARIABLES = {
    "LXC_AUTO": "true",
    "BOOTGROUPS": "onboot,",
    "SHUTDOWNDELAY": "5",
    "OPTIONS": "",
    "STOPOPTS": "-a -A -s",
    "USE_LXC_BRIDGE": "false",
}
_LOCK = "/run/lxc/lxc-containers.lock"  # only root can open it, and so lock it
_PATIENCE = 30  # seconds for a bridge to come up
_IFF_UP = 1


class ContainersArguments(Arguments):
    WITHOUT = ("name", "lxcpath", "rcfile")


def check(arguments: ContainersArguments) -> None:
    if len(arguments.operands) != 1 or arguments.operands[0] not in VERBS:
        error = UsageError(f"expected one of: {', '.join(VERBS)}")
        error.exit_status = MISUSED
        raise error


COMMAND = Command(
    "lxc-containers",
    ContainersArguments,
    summary="Starts and stops containers with the host.",
    description="Is run when the host starts and stops, and leaves the rest to lxc-autostart(1).\n\n"
    "start waits for the bridges of new containers (lxc.net.0.link in /etc/lxc/default.conf) to come up, if lxc-net makes "
    "them, but not for longer than half a minute each. stop shuts containers down. restart, reload and force-reload do "
    "both.\n\n"
    "The files /etc/default/lxc and /etc/default/lxc-net, or those in /etc/sysconfig, are read by a shell, and may set: "
    "LXC_AUTO (nothing is started unless it is true), BOOTGROUPS (onboot,: the groups to start), OPTIONS (more words for "
    "lxc-autostart when it starts containers), STOPOPTS (-a -A -s: its words when it stops them), SHUTDOWNDELAY (5: seconds "
    "until they are killed).",
    operands="start|stop|restart|reload|force-reload",
    name="none",
    containers="none",
    complete=VERBS,
    check=check,
    exits=(
        ("0", "Done, or there was nothing to do."),
        ("1", "None of the containers could be started, or stopped."),
        ("2", "The command line is wrong; or some of the containers could not be started, or stopped."),
    ),
    see_also=("lxc-autostart(1)", "lxc-net(1)"),
)


def run(arguments: ContainersArguments) -> int:
    from lxc.bridge import variables

    verb, given = arguments.operands[0], VARIABLES | variables.read(tuple(VARIABLES))
    status = 0
    if verb != "start":
        status = main("lxc-autostart", [*given["STOPOPTS"].split(), "-t", given["SHUTDOWNDELAY"]])
    return _start(given) if verb != "stop" else status


def _start(given: Mapping[str, str]) -> int:
    """Start them, unless somebody is about to."""
    if given["LXC_AUTO"] != "true":
        return 0
    import fcntl

    os.makedirs(os.path.dirname(_LOCK), 0o755, exist_ok=True)
    lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            output.lines(["lxc-containers: another lxc-containers is starting them"], output.STDERR)
            return 0
        if given["USE_LXC_BRIDGE"] == "true":
            _wait_for_bridges()
        groups = ["-g", given["BOOTGROUPS"]] if given["BOOTGROUPS"] else []
        return main("lxc-autostart", [*given["OPTIONS"].split(), *groups])
    finally:
        os.close(lock)


def _wait_for_bridges() -> None:
    deadline = time.monotonic() + _PATIENCE
    for bridge in _bridges():
        while not _is_up(bridge) and time.monotonic() < deadline:
            time.sleep(0.1)
        if not _is_up(bridge):
            output.lines([f"lxc-containers: {bridge} is not up: containers on it will not start"], output.STDERR)


def _bridges() -> Iterator[str]:
    """The devices that new containers are connected to."""
    from lxc.config import document, system

    path = system.get("lxc.default_config")
    try:
        config, _ = document.load(path)
    except (OSError, LxcError):
        return  # lxc-create tells
    for device in config.net.values():
        if device.link:
            yield device.link


def _is_up(device: str) -> bool:
    try:
        with open(f"/sys/class/net/{device}/flags") as file:
            return bool(int(file.read(), 16) & _IFF_UP)
    except (OSError, ValueError):
        return False
