"""Giving up access for good: landlock(7), without privilege, for this thread and all that comes of it."""

from __future__ import annotations

from lxc.kernel._libc import bind_number
from lxc.kernel.c import Structure, byref, c_int, c_size_t, c_uint32, c_uint64, c_void_p, sizeof

(
    EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO,
    MAKE_BLOCK, MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV,
) = (1 << bit for bit in range(16))  # fmt: skip  # LANDLOCK_ACCESS_FS_*
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # what a rule for a file, not a directory, may have
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH, _RULE_NET_PORT = 1, 2


class landlock_ruleset_attr(Structure):
    _fields_ = [("handled_access_fs", c_uint64), ("handled_access_net", c_uint64), ("scoped", c_uint64)]


class landlock_path_beneath_attr(Structure):
    _pack_ = 1
    _fields_ = [("allowed_access", c_uint64), ("parent_fd", c_int)]


class landlock_net_port_attr(Structure):
    _fields_ = [("allowed_access", c_uint64), ("port", c_uint64)]


_create_ruleset = bind_number(444, c_void_p, c_size_t, c_uint32)
_add_rule = bind_number(445, c_int, c_int, c_void_p, c_uint32)
_restrict_self = bind_number(446, c_int, c_uint32)


def abi() -> int:
    """Which version of its interface the kernel has; 0 if it has none, or it is off."""
    try:
        return _create_ruleset(None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def create_ruleset(files: int, network: int = 0, scoped: int = 0) -> int:
    """landlock_create_ruleset(2): what is denied unless a rule allows it; the caller closes the descriptor.

    Unions of LANDLOCK_ACCESS_FS_*, LANDLOCK_ACCESS_NET_* and LANDLOCK_SCOPE_*.
    """
    attr = landlock_ruleset_attr(files, network, scoped)
    size = sizeof(attr) if scoped else 16 if network else 8  # what an older kernel does not know must not be there
    return _create_ruleset(byref(attr), size, 0)


def allow_beneath(ruleset: int, access: int, fd: int) -> None:
    """landlock_add_rule(2): allow `access` to the file or directory `fd`, and all below it."""
    _add_rule(ruleset, _RULE_PATH_BENEATH, byref(landlock_path_beneath_attr(access, fd)), 0)


def allow_port(ruleset: int, access: int, port: int) -> None:
    """landlock_add_rule(2): allow `access` to the TCP port."""
    _add_rule(ruleset, _RULE_NET_PORT, byref(landlock_net_port_attr(access, port)), 0)


def restrict_self(ruleset: int) -> None:
    """landlock_restrict_self(2).  Wants CAP_SYS_ADMIN in the user namespace, or no_new_privs."""
    _restrict_self(ruleset, 0)
