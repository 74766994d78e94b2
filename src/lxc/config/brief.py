"""The few keys that are read without the rest: rows of Config (`lxc.config.container`), which has all others.

Lists of containers are made from them, and the environment of what is attached.
"""

from __future__ import annotations

from lxc.config.key import directive, many, one, several
from lxc.config.table import Table
from lxc.values import idmap as ids
from lxc.values import plain
from lxc.values.environment import assignments, variable
from lxc.values.plain import flag, signed, unsigned
from lxc.values.words import listed as words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.table import Key


class Brief(Table):
    include = directive(
        "lxc.include", "Read this file, or all files *.conf of this directory in the order of their names, here.",
        refusal="is followed when a file is read, not when a value is set",
    )  # fmt: skip
    environment = many(
        "lxc.environment", variable, "Environment variable of hooks and first process.", sound=assignments
    )
    environment_runtime = many("lxc.environment.runtime", variable, "Environment variable of the first process only.")
    environment_hooks = many("lxc.environment.hooks", variable, "Environment variable of hooks only.")
    idmap = many("lxc.idmap", ids.parse, "Range of ids the container has of its own.", end="", between="\n")
    start_auto = one("lxc.start.auto", flag, False, "1 to be started by lxc-autostart.")
    start_delay = one("lxc.start.delay", unsigned, 0, "Seconds that lxc-autostart waits after starting it.")
    start_order = one("lxc.start.order", signed, 0, "Those with lower numbers are started earlier.")
    group = several("lxc.group", words, "Groups of containers it belongs to.", sound=plain.anything)

    @classmethod
    def find(cls, name: str) -> tuple[Key, str]:
        found = cls.likely(name)
        if found:
            return found
        from lxc.config.container import Config

        return Config.find(name)
