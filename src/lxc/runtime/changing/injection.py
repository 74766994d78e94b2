"""Mounting into a running container: a process of the host's that becomes one of the container's mount namespace.

It stays outside of the container's pid namespace, cannot be dumped, loads nothing
any more once it has joined, and ends when it is done: a child, for which nobody
waits longer than `errand` says.
"""

from __future__ import annotations

import os

from lxc.errors import Refused
from lxc.idmap import inside as idmap
from lxc.kernel import process
from lxc.kernel.fs import closing
from lxc.mounts import injection
from lxc.mounts.plan import New
from lxc.runtime import errand, remedies, sealed
from lxc.runtime.attaching import facts as attach_facts
from lxc.runtime.plans.attach import CGROUP, Wish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.mounts.plan import Bind
    from lxc.runtime.place import Place


def mount(place: Place, step: Bind | New) -> None:
    """Do `step` in the container.  Raises LxcError: NotRunning, Refused, StepError."""
    if isinstance(step, New) and step.fstype in injection.OF_NAMESPACES:
        hint = f"mount it there: lxc-attach -n {place.name} -- mount -t {step.fstype} {step.source} {step.target}"
        raise Refused(f"{step.fstype} made from here would show the host's to {place.name}", hint=hint)
    try:
        with closing(injection.prepare(step)) as tree:
            _inside(place, lambda: injection.attach(tree, step.target), tree)
    except OSError as error:
        raise remedies.failure(step, error) from error


def umount(place: Place, target: str, flags: int) -> None:
    """umount2(2) of `target` in the container.  Raises LxcError: NotRunning, Refused, StepError."""
    try:
        _inside(place, lambda: injection.detach(target, flags))
    except OSError as error:
        raise remedies.failure(f"umount {target}", error) from error


def _inside(place: Place, act: Callable[[], None], tree: int = -1) -> None:
    """Have a child that is root in the container's user and mount namespaces, and has `tree`, do `act`.  Raises LxcError, OSError."""
    target = attach_facts.open_target(place, Wish(elevated=(CGROUP,)))
    try:
        different = attach_facts.different_namespaces(target)
        if "mnt" not in different:
            raise Refused(f"{place.name} shares its mounts with this process: mount(8) does what is asked for")

        def enter() -> None:
            _join(target.pidfd, different)
            act()

        errand.run(enter, (target.pidfd, tree))
    finally:
        target.close()


def _join(pidfd: int, different: tuple[str, ...]) -> None:
    """Become root in those of its user and mount namespaces that are `different`."""
    sealed.seal()
    process.prctl(process.PR_SET_DUMPABLE, 0)
    process.setns(pidfd, sum(process.NAMESPACES[name] for name in ("user", "mnt") if name in different))
    if "user" in different:
        idmap.become(0, 0)
    os.chdir("/")
