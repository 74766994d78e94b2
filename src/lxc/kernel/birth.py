"""A child in another unified cgroup than ours: born there (CLONE_INTO_CGROUP), or moved there, where Linux kills it for that.

Linux (seen on 6.18) remembers how often `cgroup.kill` was written to our cgroup, or one above, when we begin to make a child,
and compares it with the count of that which it is born in.  Where they differ the child has SIGKILL before clone3(2)
returns, and never runs.  Nobody can read the counts; so it is tried, and who has not survived has one that moves by itself
for its successor, which makes the kernel wait ten milliseconds.
"""

from __future__ import annotations

import errno
import os

from lxc.kernel import process
from lxc.kernel.fs import closing

_MINFLT = 7  # of `process.stat`


def clone3(flags: int, cgroup_fd: int) -> tuple[int, int]:
    """process.clone3, for a child that is in the cgroup `cgroup_fd` (-1: in ours) before it does anything else."""
    if cgroup_fd < 0:
        return process.clone3(flags)
    is_sibling = flags & process.CLONE_PARENT  # a dead one would be our parent's to reap
    if not is_sibling or _is_survived(cgroup_fd):
        pid, pidfd = process.clone3(flags, cgroup_fd)
        if not pid or is_sibling or not _is_stillborn(pid, pidfd) or _is_survived(cgroup_fd):
            return pid, pidfd
        os.waitpid(pid, 0)
        os.close(pidfd)
    with closing(way_into(cgroup_fd)) as way:
        pid, pidfd = process.clone3(flags)
        if pid == 0:
            enter(way)
    return pid, pidfd


def way_into(cgroup_fd: int) -> int:
    """What `enter` takes; the caller closes it.  Raises OSError."""
    return os.open("cgroup.procs", os.O_WRONLY | os.O_CLOEXEC, dir_fd=cgroup_fd)


def enter(way: int) -> None:
    """For a new child: move there.  It ends if it cannot, and has done nothing."""
    try:
        os.write(way, b"0")
    except OSError:
        os._exit(1)


def _is_survived(cgroup_fd: int) -> bool:
    """Whether Linux lets one be born there: if it does, whoever has died had somebody else kill it."""
    pid, pidfd = process.clone3(0, cgroup_fd)
    if pid == 0:
        os._exit(0)
    os.close(pidfd)
    return not os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def _is_stillborn(pid: int, pidfd: int) -> bool:
    """Whether our new child was killed before it ran at all: whoever runs after a fork has page faults."""
    try:
        process.process_mrelease(pidfd)
    except OSError as error:
        if error.errno not in (errno.ESRCH, errno.EAGAIN):
            return False  # it lives
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return int(process.stat(pid)[_MINFLT]) == 0
