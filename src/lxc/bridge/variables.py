"""The variables that /etc/default/lxc and lxc-net set: shell scripts, which a shell has always read, and reads here."""

from __future__ import annotations

import os

from lxc import programs
from lxc.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_DIRECTORIES = ("/etc/default", "/etc/sysconfig")
_SCRIPT = """
directory=$1; shift
for file in lxc lxc-net; do [ ! -f "$directory/$file" ] || . "$directory/$file" >&2; done
for name; do eval "[ -z \\"\\${$name+set}\\" ] || printf '%s=%s\\0' $name \\"\\$$name\\""; done
printf .
"""


def directory() -> str:
    """Where this distribution has the files."""
    return next((path for path in _DIRECTORIES if os.path.isdir(path)), _DIRECTORIES[0])


def read(names: Sequence[str]) -> dict[str, str]:
    """Those of the variables that are set.  Raises ConfigError if a file cannot be read by a shell."""
    where = directory()
    done = programs.run(("/bin/sh", "-c", _SCRIPT, "sh", where, *names))
    if done.status != 0:
        raise ConfigError(f"{where}/lxc-net cannot be read: {done.complaint}", hint="it is a shell script: sh -n tells")
    *pairs, end = done.output.split("\0")
    if end != ".":
        raise ConfigError(f"{where}/lxc-net cannot be read: it ends the shell that reads it", hint="leave exit out")
    return dict(pair.split("=", 1) for pair in pairs)
