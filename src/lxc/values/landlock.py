"""What processes may do to files and ports: `read,execute /usr`, `tcp-connect 443`, `scope signals`."""

from __future__ import annotations

from lxc.record import Record
from lxc.values.plain import integer
from lxc.values.words import Misspelt, unknown

FILES = ("read", "execute", "write", "make", "remove", "refer", "device", "all")
PORTS = ("tcp-bind", "tcp-connect")
SCOPE, SCOPES = "scope", ("signals", "sockets")
OPTIONAL = "optional"


class Rule(Record):
    rights: tuple[str, ...]  # of FILES or PORTS, or SCOPE
    target: str  # an absolute path, a port, or words of SCOPES with commas
    optional: bool = False

    def __str__(self) -> str:
        return f"{','.join(self.rights)} {self.target}{' optional' if self.optional else ''}"


def parse(value: str) -> Rule:
    """RIGHTS PATH [optional], tcp-bind PORT, tcp-connect PORT, or scope signals,sockets."""
    words = value.split()
    if len(words) not in (2, 3) or (len(words) == 3 and words[2] != OPTIONAL):
        raise Misspelt(
            f"expected RIGHTS PATH, perhaps with optional behind it, tcp-connect PORT or scope WORDS; got {value!r}"
        )
    rights, target = tuple(words[0].split(",")), words[1]
    if rights == (SCOPE,):
        for word in target.split(","):
            if word not in SCOPES:
                raise unknown("what is kept in the container", word, SCOPES)
    elif set(rights) <= set(PORTS):
        integer(target, 0, 65535)
    else:
        for word in rights:
            if word not in FILES:
                raise unknown("a right", word, (*FILES, *PORTS, SCOPE))
        if not target.startswith("/"):
            raise Misspelt(f"expected an absolute path in the container, got {target!r}", target)
    return Rule(rights, target, len(words) == 3)
