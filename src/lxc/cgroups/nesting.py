"""Limits of a version 1 cgroup that has another in it, which lxc.cgroup.dir.container.inner makes.

The kernel then refuses to narrow a cpuset that the inner one has more of, and to
change the default for devices; and what more devices are allowed, the inner one
does not get (its documents cgroup-v1/cpusets and cgroup-v1/devices).
"""

from __future__ import annotations

import errno

from lxc.cgroups.files import read
from lxc.cgroups.files import write as _write

CPUSET = ("cpuset.cpus", "cpuset.mems")
_EVERY_DEVICE = ("c *:* rwm", "b *:* rwm")


def prepare(directory: str) -> None:
    """Have devices be denied, but allow each of them, while there is no cgroup in `directory` yet.  Raises OSError."""
    if read(f"{directory}/devices.list").startswith("a"):
        _write(f"{directory}/devices.deny", "a")
        for rule in _EVERY_DEVICE:
            _write(f"{directory}/devices.allow", rule)


def write(directory: str, inner: str, file: str, value: str) -> None:
    """Write `value` to `file` of the cgroup `directory`, and where it must be of `inner` in that.  Raises OSError."""
    above, below = f"{directory}/{file}", f"{directory}/{inner}/{file}"
    if file in CPUSET:
        _write_cpuset(above, below, value)
    elif file == "devices.deny" and value.startswith("a"):
        for rule in filter(None, read(f"{directory}/devices.list").split("\n")):
            _write(above, rule)
    elif file == "devices.allow":
        for rule in _EVERY_DEVICE if value.startswith("a") else (value,):
            _write(above, rule)
            _write(below, rule)
    else:
        _write(above, value)


def _write_cpuset(above: str, below: str, value: str) -> None:
    """The inner one never has what the other has not: the narrower of the old and the new value comes to it first, or last."""
    try:
        _write(above, value)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        _write(below, value)
        _write(above, value)
    else:
        _write(below, value)
