"""Policy files: which system calls a container may make.  Pure.

    2                            version 1 is a list of the numbers that are allowed
    denylist                     or allowlist; an action behind it is for what is not listed
    reject_force_umount
    [x86_64]                     what follows is only for machines that run such programs; [all] for all
    mknod errno 1
    ioctl errno 25 [1,0x5412,SCMP_CMP_EQ]

Where this is stricter than LXC: words are whole words, and a tab, which would
become part of a system call's name and so void the rule, is a mistake.
"""

from __future__ import annotations

import errno
import sys

from lxc.errors import ConfigError
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

KILL, TRAP, ERRNO, NOTIFY, ALLOW = 0x00000000, 0x00030000, 0x00050000, 0x7FC00000, 0x7FFF0000  # SECCOMP_RET_*
FORCED_UMOUNT = "reject_force_umount"
_LARGEST_ERRNO = 4095
_ACTIONS = {"kill": KILL, "allow": ALLOW, "trap": TRAP, "notify": NOTIFY}
_NE, _LT, _LE, _EQ, _GE, _GT, _MASKED_EQ = range(1, 8)  # enum scmp_compare
_OPERATORS = {
    "SCMP_CMP_NE": _NE, "SCMP_CMP_LT": _LT, "SCMP_CMP_LE": _LE, "SCMP_CMP_EQ": _EQ, "SCMP_CMP_GE": _GE,
    "SCMP_CMP_GT": _GT, "SCMP_CMP_MASKED_EQ": _MASKED_EQ,
    "!=": _NE, "<": _LT, "<=": _LE, "==": _EQ, ">=": _GE, ">": _GT, "&=": _MASKED_EQ,
}  # fmt: skip
_STYLES = {"allowlist": True, "whitelist": True, "denylist": False, "blacklist": False}
_HEADERS = (
    "x86", "x32", "x86_64", "arm", "arm64", "ppc", "ppc64", "ppc64le", "mips", "mips64", "mips64n32", "mipsel",
    "mipsel64", "mipsel64n32", "s390", "s390x", "loongarch64",
)  # fmt: skip
# What runs on a machine, beside its own: headers that are for it, and the architectures of its other programs.
_MACHINES = {
    "x86_64": (("x86", "x32", "x86_64"), ("x86", "x32")),
    "i686": (("x86",), ()),
    "aarch64": (("arm", "arm64"), ("arm",)),
    "ppc64": (("ppc", "ppc64"), ("ppc",)),
    "mips64": (("mips", "mips64n32", "mips64"), ("mips", "mips64n32")),
    **{name: ((name,), ()) for name in ("ppc64le", "ppc", "s390", "s390x", "loongarch64", "mips")},
}


class Comparison(Record):
    """[argument,value,operator,mask]"""

    argument: int
    value: int
    operator: int
    mask: int = 0

    @property
    def data(self) -> tuple[int, int, int, int]:
        """As libseccomp takes it: with a mask, that comes first."""
        if self.operator == _MASKED_EQ:
            return self.argument, self.operator, self.mask, self.value
        return self.argument, self.operator, self.value, 0


class Rule(Record):
    call: str  # a system call's name, or in version 1 its number on this machine
    action: int
    comparisons: tuple[Comparison, ...] = ()
    where: str = ""


class Policy(Record):
    default: int  # for calls that no rule is for
    rules: tuple[Rule, ...]
    others: tuple[str, ...] = ()  # architectures that it is for, too

    def forbids(self, call: str) -> bool:
        """Whether it never allows it."""
        rules = [rule for rule in self.rules if rule.call == call]
        if self.default == ALLOW:
            return any(not rule.comparisons and rule.action != ALLOW for rule in rules)
        return not any(rule.action == ALLOW for rule in rules)

    def asks(self, call: str) -> bool:
        """Whether another program decides on it, whatever its arguments."""
        return any(rule.call == call and rule.action == NOTIFY and not rule.comparisons for rule in self.rules)

    @property
    def is_supervised(self) -> bool:
        """Whether another program decides on some calls: as LXC has it, that takes a rule."""
        return any(rule.action == NOTIFY for rule in self.rules)


def parse(text: str, path: str, machine: str) -> Policy:
    """The policy in `text`, for `machine` as uname(1) calls it.  Raises ConfigError with all mistakes, with their lines."""
    lines = [(f"{path}:{number}", line.removesuffix("\r")) for number, line in enumerate(text.split("\n"), 1)]
    version, rest = _version(lines, path)
    begin = next((index for index, (_, line) in enumerate(rest) if line.strip()), -1)
    if begin < 0:
        raise ConfigError(f"{path}: expected allowlist or denylist after the version; the file ends", where=path)
    (where, style), *rules = rest[begin:]
    try:
        if "debug" in style:
            raise ValueError("debug is not known")
        default, listed = _numbered_style(style) if version == 1 else _style(style)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}", where=where) from None
    if version == 1:
        return Policy(default, _collect(rules, _number))
    headers, others = _of_machine(machine)
    relevant = _relevant(rules, headers)
    return Policy(default, _collect(relevant, lambda line, where: _rule(line, where, default, listed)), others)


def _version(lines: list[tuple[str, str]], path: str) -> tuple[int, list[tuple[str, str]]]:
    """The version, and what follows it, which may begin on the same line."""
    for index, (where, line) in enumerate(lines):
        if not line.strip():
            continue
        word, _, rest = line.strip().partition(" ")
        if word not in ("1", "2"):
            raise ConfigError(f"{where}: expected the policy's version, 1 or 2; got {word!r}", where=where)
        return int(word), [(where, rest), *lines[index + 1 :]]
    raise ConfigError(f"{path}: expected the policy's version, 1 or 2; the file is empty", where=path)


def _numbered_style(text: str) -> tuple[int, int]:
    if not {"allowlist", "whitelist"} & set(text.split()):
        raise ValueError(f"expected allowlist, the only kind there is in version 1; got {text!r}")
    return KILL, ALLOW


def _style(text: str) -> tuple[int, int]:
    """The actions for what is not listed, and for a rule without action."""
    word, _, action = text.rstrip().partition(" ")
    if word not in _STYLES:
        raise ValueError(f"expected allowlist or denylist, and perhaps an action; got {text!r}")
    unlisted, listed = (KILL, ALLOW) if _STYLES[word] else (ALLOW, KILL)
    chosen, rest = _action(action, unlisted)
    if rest:
        raise ValueError(f"expected nothing after the action; got {rest!r}")
    return chosen, listed


def _collect(lines: Iterable[tuple[str, str]], read: Callable[[str, str], Rule | None]) -> tuple[Rule, ...]:
    rules, mistakes = [], []
    for where, line in lines:
        try:
            if rule := read(line, where):
                rules.append(rule)
        except ValueError as error:
            mistakes.append(f"{where}: {error}")
    if mistakes:
        raise ConfigError(*mistakes, where=mistakes[0].rpartition(": ")[0])
    return tuple(rules)


def _number(line: str, where: str) -> Rule | None:
    word = line.split()[0] if line.strip() else ""
    digits = word[: len(word) - len(word.lstrip("0123456789"))]
    if not digits and not line:  # the end of the file
        return None
    if not digits or len(digits) > 9:
        raise ValueError(f"expected the number of a system call; got {line!r}")
    return Rule(str(int(digits)), ALLOW, (), where)


def _of_machine(machine: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if machine.startswith("aarch64"):
        machine = "aarch64"
    if machine.startswith("armv7"):
        return ("arm",), ()
    headers, others = _MACHINES.get(machine, ((), ()))
    if machine.startswith("mips") and sys.byteorder == "little":
        return tuple(map(_little, headers)), tuple(map(_little, others))
    return headers, others


def _little(name: str) -> str:
    return f"mipsel{name.removeprefix('mips')}"


def _relevant(lines: list[tuple[str, str]], headers: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The lines that are for this machine; a header that is not known is passed on, as a mistake for who reads it."""
    is_relevant = True
    for where, line in lines:
        name = line[1:-1] if line.startswith("[") and line.endswith("]") else None
        if name is not None and name.lower() in (*_HEADERS, "all") and name in (name.lower(), name.upper()):
            is_relevant = name.lower() in (*headers, "all")
        elif is_relevant or line.startswith("["):
            yield where, line


def _rule(line: str, where: str, default: int, listed: int) -> Rule | None:
    if not line or line.startswith("#"):
        return None
    if line.startswith("["):
        raise ValueError(f"expected an architecture, such as [all], [x86_64] or [arm64]; got {line!r}")
    if line[0] == " " or not line.isprintable():
        raise ValueError(f"expected a system call at the beginning of the line, and spaces after it; got {line!r}")
    call, _, rest = line.partition(" ")
    if call == FORCED_UMOUNT:
        action, rest = ERRNO | errno.EACCES, "[1,1,SCMP_CMP_MASKED_EQ,1]"
        call = "umount2"
    else:
        action, rest = _action(rest, listed)
    if action == default:
        raise ValueError(f"expected another action than the one for all that is not listed; got {line!r}")
    return Rule(call, action, _comparisons(rest), where)


def _action(text: str, default: int) -> tuple[int, str]:
    """The action that `text` begins with, and what follows."""
    text = text.strip(" ")
    if not text or text.startswith("#"):
        return default, ""
    end = next((i for i, letter in enumerate(text) if not letter.isalpha()), len(text))
    word, rest = text[:end], text[end:].lstrip(" ")
    if word == "errno":
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        if not digits or len(digits) > 4 or int(digits) > _LARGEST_ERRNO:
            raise ValueError(f"expected a number from 0 to {_LARGEST_ERRNO} after errno; got {rest!r}")
        action, rest = ERRNO | int(digits), rest[len(digits) :].lstrip(" ")
    elif word in _ACTIONS:
        action = _ACTIONS[word]
    else:
        raise ValueError(f"expected kill, errno NUMBER, allow, trap or notify; got {text!r}")
    return action, "" if rest.startswith("#") else rest


def _comparisons(text: str) -> tuple[Comparison, ...]:
    if not text:
        return ()
    if not text.startswith("[") or not text.endswith("]"):
        raise ValueError(f"expected [index,value,operator] or [index,value,operator,mask]; got {text!r}")
    groups = text[1:-1].split("][")
    if len(groups) > 6:
        raise ValueError(f"expected at most 6 comparisons; got {len(groups)}")
    return tuple(map(_comparison, groups))


def _comparison(text: str) -> Comparison:
    fields = text.split(",")
    if len(fields) not in (3, 4):
        raise ValueError(f"expected [index,value,operator] or [index,value,operator,mask]; got [{text}]")
    if fields[2] not in _OPERATORS:
        raise ValueError(f"expected an operator, one of {', '.join(_OPERATORS)}; got {fields[2]!r}")
    index = _integer(fields[0], "an argument's index, 0 to 5", 5)
    mask = _integer(fields[3], "a mask") if len(fields) == 4 else 0
    return Comparison(index, _integer(fields[1], "a value"), _OPERATORS[fields[2]], mask)


def _integer(text: str, what: str, largest: int = (1 << 64) - 1) -> int:
    """C's way to write numbers: 0x is hexadecimal, 0 octal."""
    word = text.lstrip(" ")
    base = 16 if word[:2] in ("0x", "0X") else 8 if word.startswith("0") else 10
    digits = word[2:] if base == 16 else word
    if not digits or not set(digits.lower()) <= set("0123456789abcdef"[:base]) or int(digits, base) > largest:
        raise ValueError(f"expected {what}, written as in C; got {text!r}")
    return int(digits, base)
