"""Handlers for `lxc.seccomp.notify.proxy = python:lxc.security.intercept:…`, for calls that a container may not make itself.

None is at work unless a configuration names it, and the policy says `notify`
for its calls.  What each allows, and why that is safe, its docstring tells.
"""

from lxc.security.intercept.mknod import mknod as mknod
from lxc.security.intercept.mount import mount as mount
from lxc.security.intercept.sched_setscheduler import sched_setscheduler as sched_setscheduler
from lxc.security.intercept.setxattr import setxattr as setxattr
from lxc.security.intercept.sysinfo import sysinfo as sysinfo
