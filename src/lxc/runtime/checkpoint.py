"""Dumping a running container's processes, and having a monitor restore them.

Whoever asks calls CRIU for a dump, with the container's monitor looking on.  A
restore is a start, whose monitor has CRIU make init of the images instead of
making it itself (`restoring`).
"""

from __future__ import annotations

import os

from lxc.cgroups import outside as cgroups
from lxc.checkpoint import outside as criu
from lxc.checkpoint.plan import Dump
from lxc.errors import NotFound, NotRunning, StateError, Unsupported
from lxc.runtime import client, errand, wait
from lxc.runtime.life.restoring import Checkpoint
from lxc.runtime.plans import checkpoint as plan_checkpoint
from lxc.runtime.starting import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.checkpoint.plan import Images, Wish
    from lxc.config.container import Config
    from lxc.runtime.place import Place
    from lxc.runtime.starting.start import Order

_PATIENCE = 60  # seconds that a monitor may take to clean up when its container has been dumped and stopped


def dump(place: Place, config: Config, images: Images, wish: Wish) -> None:
    """Write the container's processes, or its memory only, to `images`; with `wish.stops` it has ended when this returns.

    What cannot be dumped is said before CRIU is called.  Raises LxcError, NotRunning.
    """
    _check(place)
    if client.state(place) == "STOPPED":
        raise NotRunning(f"{place.name} not running, not checkpointing")
    plan_checkpoint.check(config)
    program = criu.find()
    criu.check(program)
    it = _decide(place, config, images, wish)
    criu.make_directory(images)
    criu.dump(program, it)
    if wish.stops and not wish.is_pre_dump and not wait.wait(place, wait.states("STOPPED"), _PATIENCE):
        raise StateError(f"{place.name} has been dumped, but did not stop within {_PATIENCE} s")


def restore(order: Order, images: Images) -> int:
    """Start what `order` asks for from `images`.  Return as `start.start` does.  Raises LxcError, AlreadyRunning."""
    _check(order.place)
    if client.state(order.place) != "STOPPED":
        raise StateError(f"{order.place.name} is running, not restoring")
    plan_checkpoint.check(order.config)
    program = criu.find()
    criu.check_images(images)
    criu.check(program)
    return start.start(order.replace(checkpoint=Checkpoint(program, images)))


def features(wanted: dict[int, str]) -> int:
    """The bits of those features of CRIU's, by name, that it finds."""
    program = criu.find()
    return sum(bit for bit, name in wanted.items() if criu.has_feature(program, name))


def _check(place: Place) -> None:
    if os.geteuid() != 0:
        raise Unsupported("Must be root to checkpoint", hint="run it with sudo")
    if not place.is_defined:
        raise NotFound(f"{place.name} is not defined")


def _decide(place: Place, config: Config, images: Images, wish: Wish) -> Dump:
    pid = client.init_pid(place)
    _check_init(place, pid)
    layout = cgroups.find()
    home = layout.home("freezer")
    if not home:
        raise Unsupported("there is no cgroup hierarchy that can freeze it")
    frozen = client.limit_cgroup(place, "" if home.is_unified else "freezer") or ""
    plan = start.decide(start.Order(place, config))
    return Dump(
        images,
        wish,
        pid,
        plan_checkpoint.roots(layout, lambda controller: client.cgroup(place, controller)),
        home.directory(frozen.strip("/")),
        plan_checkpoint.externals(plan.mounts),
    )


def _check_init(place: Place, pid: int) -> None:
    """Raise Unsupported if init is a program that CRIU does not find in the container's root."""
    try:
        is_in_root = errand.run(lambda: b"1" if _is_in_root(pid) else b"")
    except OSError as error:
        raise StateError(f"cannot look for the program of {place.name}'s init: {error.strerror}") from error
    if not is_in_root:
        raise Unsupported(
            f"init of {place.name} is no program of the container's root: one that lxc-execute runs is not dumped",
            hint="start the program with lxc-start",
        )


def _is_in_root(pid: int) -> bool:
    """Whether the program of process `pid` is where its root has it."""
    try:
        program = os.stat(f"/proc/{pid}/exe")
        return os.path.samestat(program, os.stat(f"/proc/{pid}/root{os.readlink(f'/proc/{pid}/exe')}"))
    except FileNotFoundError:
        return False
