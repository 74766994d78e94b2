"""lxc.conf(5): what holds for all containers of a user.

The file is read at each question: it is small, and who changes it wants the
next command to know.
"""

from __future__ import annotations

import os

from lxc import regular
from lxc.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, overload

    Defaulted = Literal[
        "lxc.default_config", "lxc.lxcpath", "lxc.bdev.lvm.vg", "lxc.bdev.lvm.thin_pool", "lxc.bdev.zfs.root",
        "lxc.bdev.rbd.rbdpool",
    ]  # fmt: skip
else:

    def overload(function):
        return function


DOCS = {
    "lxc.default_config": "Configuration that lxc-create begins with.",
    "lxc.lxcpath": "Directory of the containers.",
    "lxc.bdev.lvm.vg": "LVM volume group for new containers.",
    "lxc.bdev.lvm.thin_pool": "LVM thin pool for new containers.",
    "lxc.bdev.zfs.root": "ZFS dataset below which new containers get theirs.",
    "lxc.cgroup.use": "Controllers of cgroups version 1 to use, separated by commas; others are left alone.",
    "lxc.cgroup.pattern": "Cgroup of a container, `%n` being its name.",
    "lxc.bdev.rbd.rbdpool": "Ceph pool for new containers.",
    "lxc.bdev.rbd.rbduser": "Ceph user for new containers.",
}
KEYS = tuple(DOCS)
LISTED = KEYS[:-2]  # by lxc-config, in this order
_SIZE_MAX = 1 << 20


@overload
def get(key: Defaulted) -> str: ...
@overload
def get(key: str) -> str | None: ...  # noqa: F811  # this `overload` is typing's to the type checker only
def get(key: str) -> str | None:  # noqa: F811
    """The value of the system-wide `key`; None if it is not set and has no default.

    Raises KeyError if there is no such key, ConfigError if the file cannot be read.
    """
    if key not in KEYS:
        raise KeyError(key)
    value = _in_file(key)
    if value is None:
        value = defaults().get(key)
    return (value.rstrip("/") or "/") if value and key == "lxc.lxcpath" else value


def path() -> str:
    """Where the calling user's lxc.conf is, if there is one."""
    return "/etc/lxc/lxc.conf" if os.geteuid() == 0 else f"{_home()}/.config/lxc/lxc.conf"


def defaults() -> Mapping[str, str]:
    """What the keys are when the calling user's lxc.conf does not say."""
    root = os.geteuid() == 0
    return {
        "lxc.lxcpath": "/var/lib/lxc" if root else f"{_home()}/.local/share/lxc",
        "lxc.default_config": "/etc/lxc/default.conf" if root else f"{_home()}/.config/lxc/default.conf",
        "lxc.bdev.lvm.vg": "lxc",
        "lxc.bdev.lvm.thin_pool": "lxc",
        "lxc.bdev.zfs.root": "lxc",
        "lxc.bdev.rbd.rbdpool": "lxc",
    }


def _home() -> str:
    return os.environ.get("HOME") or "/"


def _in_file(key: str) -> str | None:
    """The first value that is not empty."""
    try:
        text = regular.read(path(), _SIZE_MAX)[:_SIZE_MAX].decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path()}: cannot read the configuration: {error.strerror}", where=path()) from error
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        value = value.lstrip(" \t")
        if equals and name.strip(" \t") == key and value:
            return value
    return None
