"""From words to the kernel's bits: what is denied, and what is allowed all the same.  Pure.

Once there is a rule, everything that the kernel can deny to files is denied but
for what rules allow; ports are denied once a rule names one, signals and
abstract sockets of others once `scope` does.  What an older kernel does not
know, it does not deny: the plan warns of that.
"""

from __future__ import annotations

from lxc.record import Record

# LANDLOCK_ACCESS_FS_*, and the version of the interface that brought them.
_EXECUTE, _WRITE, _READ, _LIST, _REMOVE_DIR, _REMOVE, _MAKE_CHAR, _MAKE_DIR = (1 << bit for bit in range(8))
_MAKE_REG, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM, _REFER, _TRUNCATE, _IOCTL = (
    1 << bit for bit in range(8, 16)
)
FILES = {
    "read": _READ | _LIST, "execute": _EXECUTE, "write": _WRITE | _TRUNCATE,
    "make": _MAKE_DIR | _MAKE_REG | _MAKE_SOCK | _MAKE_FIFO | _MAKE_SYM, "remove": _REMOVE_DIR | _REMOVE,
    "refer": _REFER, "device": _MAKE_CHAR | _MAKE_BLOCK | _IOCTL, "all": (1 << 16) - 1,
}  # fmt: skip
PORTS = {"tcp-bind": 1, "tcp-connect": 2}
SCOPES = {"sockets": 1, "signals": 2}
_KNOWN = ((1, (1 << 13) - 1), (2, (1 << 14) - 1), (3, (1 << 15) - 1), (5, (1 << 16) - 1))  # files' bits, by version
_PORTS_SINCE, _SCOPES_SINCE = 4, 6
EXECUTED = _EXECUTE | _READ  # what becoming a program takes


class Beneath(Record):
    path: str  # in the container
    access: int
    optional: bool = False
    where: str = ""

    def __str__(self) -> str:
        return f"allow {self.access:#x} beneath {self.path}"


class Port(Record):
    number: int
    access: int


class Landlock(Record):
    """What is denied (`files`, `network`, `scoped`), and the exceptions."""

    files: int = 0
    network: int = 0
    scoped: int = 0
    beneath: tuple[Beneath, ...] = ()
    ports: tuple[Port, ...] = ()
    words: tuple[str, ...] = ()  # as they were configured
    where: str = ""

    def __bool__(self) -> bool:
        return bool(self.files)

    def __str__(self) -> str:
        return "\n".join(f"landlock {word}" for word in self.words)


def plan(rules: tuple[tuple[tuple[str, ...], str, bool, str], ...], abi: int) -> tuple[Landlock, tuple[str, ...]]:
    """What `rules` (rights, target, is optional, where) say to a kernel with this version, and what it will not deny.

    `abi` is at least 1.  Each right of a path is granted for it and all below.
    """
    known = max(bits for since, bits in _KNOWN if since <= abi)
    beneath, ports, scoped = [], [], 0
    for rights, target, optional, where in rules:
        if target.startswith("/"):
            access = _union(FILES, rights) & known
            beneath.append(Beneath(target, access, optional, where))
        elif rights == ("scope",):
            scoped |= _union(SCOPES, tuple(target.split(",")))
        else:
            ports.append(Port(int(target, 0), _union(PORTS, rights)))
    lacking = []
    if known != FILES["all"]:
        lacking.append("some rights to files")
    if ports and abi < _PORTS_SINCE:
        lacking.append("ports")
    if scoped and abi < _SCOPES_SINCE:
        lacking.append("signals and sockets")
    words = tuple(f"{','.join(rights)} {target}" for rights, target, _, _ in rules)
    made = Landlock(
        known,
        _union(PORTS, tuple(PORTS)) if ports and abi >= _PORTS_SINCE else 0,
        scoped if abi >= _SCOPES_SINCE else 0,
        tuple(beneath),
        tuple(ports) if abi >= _PORTS_SINCE else (),
        words,
        rules[0][3],
    )
    what = f"{rules[0][3]}: lxc.x-landlock: this kernel (Landlock version {abi}) does not deny {' and '.join(lacking)}"
    return made, (what,) if lacking else ()


def _union(bits: dict[str, int], words: tuple[str, ...]) -> int:
    found = 0
    for word in words:
        found |= bits[word]
    return found
