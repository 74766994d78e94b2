"""Which devices a container may use: rules of the device controller, and what they come to.  Pure.

A rule is `TYPE MAJOR:MINOR ACCESS`, with TYPE b or c (or a: both), numbers or *,
and ACCESS of r (read), w (write), m (mknod).  Rules are applied in their order,
with the meaning that they have in version 1 (the kernel's document
cgroup-v1/devices): there is a default, and exceptions from it.  `deny a` makes
the default to deny, `allow a` to allow, and both forget the exceptions.  For
version 2 the kernel has no rules: what they come to is made a program of.
"""

from __future__ import annotations

from lxc.cgroups import program
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ANY = -1
ACCESS = "rwm"
_MAJOR_MAX, _MINOR_MAX = (1 << 12) - 1, (1 << 20) - 1


class Rule(Record):
    """`allow` or deny `access` to devices; all of them if `type` is a and the numbers are ANY."""

    allow: bool
    type: str  # a, b or c
    major: int = ANY
    minor: int = ANY
    access: str = ACCESS

    def __str__(self) -> str:
        numbers = ":".join("*" if number == ANY else str(number) for number in (self.major, self.minor))
        return "a" if self.is_for_all else f"{self.type} {numbers} {self.access}"

    @property
    def is_for_all(self) -> bool:
        return self.type == "a" and self.major == self.minor == ANY and set(self.access) == set(ACCESS)


class Exemption(Record):
    """Devices for which `access` is not as the default has it."""

    type: str  # b or c
    major: int
    minor: int
    access: str

    def __str__(self) -> str:
        return str(Rule(True, self.type, self.major, self.minor, self.access))


class Policy(Record):
    """What the rules come to: a default, and exemptions from it."""

    allows: bool = True
    exemptions: tuple[Exemption, ...] = ()

    def with_rule(self, rule: Rule) -> Policy:
        """This policy with one more rule applied."""
        if rule.is_for_all:
            return Policy(rule.allow)
        policy = self
        for kind in ("b", "c") if rule.type == "a" else (rule.type,):
            policy = policy._with(kind, rule)
        return policy

    def _with(self, kind: str, rule: Rule) -> Policy:
        at = (kind, rule.major, rule.minor)
        before = next((each.access for each in self.exemptions if at == (each.type, each.major, each.minor)), "")
        if rule.allow == self.allows:
            access = _letters(set(before) - set(rule.access))
        else:
            access = _letters(set(before) | set(rule.access))
        others = tuple(each for each in self.exemptions if at != (each.type, each.major, each.minor))
        return self.replace(exemptions=(*others, Exemption(*at, access)) if access else others)

    @property
    def instructions(self) -> tuple[program.Instruction, ...]:
        """The program that decides so (BPF_PROG_TYPE_CGROUP_DEVICE)."""
        found = ((each.type, each.major, each.minor, each.access) for each in self.exemptions)
        return program.device_program(found, allows=self.allows)

    def __str__(self) -> str:
        default, other = ("allowed", "denied") if self.allows else ("denied", "allowed")
        listed = ", ".join(map(str, self.exemptions))
        head = f"# eBPF: devices are {default}" + (f", but {other} are: {listed}" if listed else "")
        return "\n".join((head, *program.listing(self.instructions)))


def policy(rules: Iterable[Rule], *, allows: bool) -> Policy:
    """What `rules` come to, one after the other, if everything is allowed (or nothing) before the first."""
    result = Policy(allows)
    for rule in rules:
        result = result.with_rule(rule)
    return result


def rule(file: str, text: str) -> Rule:
    """The rule `text` for devices.allow or devices.deny.  Raises ValueError saying what was expected."""
    if file not in ("devices.allow", "devices.deny"):
        raise ValueError(f"expected devices.allow or devices.deny, got {file}")
    allow, fields = file == "devices.allow", _read_in_version_1(text.split())
    if fields[:1] == ["a"] and (len(fields) == 1 or fields[1:] == ["*:*", ACCESS]):
        return Rule(allow, "a")
    if len(fields) != 3 or fields[0] not in ("a", "b", "c"):
        raise ValueError(f"expected a, or b|c MAJOR:MINOR ACCESS, got {text!r}")
    numbers = fields[1].split(":")
    if len(numbers) != 2:
        raise ValueError(f"expected MAJOR:MINOR, each a number or *, got {fields[1]!r}")
    if not fields[2] or not set(fields[2]) <= set(ACCESS) or len(fields[2]) > len(ACCESS):
        raise ValueError(f"expected an access of r, w and m, got {fields[2]!r}")
    major, minor = _number(numbers[0], _MAJOR_MAX), _number(numbers[1], _MINOR_MAX)
    return Rule(allow, fields[0], major, minor, _letters(set(fields[2])))


def _read_in_version_1(fields: list[str]) -> list[str]:
    """What the kernel reads of a rule that has a comment behind it: up to an a, or to the third letter of the access."""
    end = 1 if fields[:1] == ["a"] else 3 if len("".join(fields[2:3])) == len(ACCESS) else len(fields)
    return fields[:end] if "".join(fields[end : end + 1]).startswith("#") else fields


def path(text: str) -> tuple[str, str]:
    """(path, access) of a rule that names a device's file; ("", "") if it names none."""
    name, access = (*text.split(), "", "")[:2]
    return (name, access or ACCESS) if name.startswith("/") else ("", "")


def _number(text: str, highest: int) -> int:
    if text == "*":
        return ANY
    if not (text.isascii() and text.isdecimal()) or int(text) > highest:
        raise ValueError(f"expected a number up to {highest}, or *, got {text!r}")
    return int(text)


def _letters(access: set[str]) -> str:
    return "".join(letter for letter in ACCESS if letter in access)
