"""Giving up privileges, in the container's init, just before it becomes the container's."""

from __future__ import annotations

import errno

from lxc import log
from lxc.kernel import process, seccomp, sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.kernel.sockets import socket
    from lxc.security.plan import Filter, SecurityPlan

INITS, OTHERS = b"i", b"o"  # what is said with a listener: whose it is


def join_keyring(plan: SecurityPlan) -> None:
    """Leave the starter's session keyring (keyrings(7)) for a new one; a kernel without keyrings has none to leave."""
    if not plan.new_keyring:
        return
    try:
        process.join_session_keyring()
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.ENOSYS):
            raise
        log.info(f"no new session keyring: {error.strerror}")


def drop_capabilities(plan: SecurityPlan) -> None:
    """Take the capabilities out of the bounding set: no program run from here on can have them (capabilities(7))."""
    for number in plan.dropped:
        process.prctl(process.PR_CAPBSET_DROP, number)


def forbid_new_privileges(plan: SecurityPlan) -> None:
    if plan.no_new_privs:
        process.prctl(process.PR_SET_NO_NEW_PRIVS, 1)


def filter_system_calls(wanted: Filter) -> int:
    """From here on, for this process and all that come of it.

    Return the listener, which the caller closes, of a filter that notifies of calls; else -1.
    """
    if wanted.is_supervised:
        return seccomp.set_mode_filter_with_listener(bytes.fromhex(wanted.code))
    if wanted.code:
        seccomp.set_mode_filter(bytes.fromhex(wanted.code))
    return -1


def hand_over(listener: int, supervisor: socket | None) -> None:
    """Give `listener` to the process that answers, if there is one."""
    if listener >= 0 and supervisor:
        sockets.send(supervisor, INITS, (listener,))
