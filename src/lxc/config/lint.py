"""The linter: everything about a configuration that is wrong, without effect, or unwise, each with its place.

    reading = recorder.record(path)
    found = findings(reading, host)

What is wrong comes from the parser itself; the rest from the rules in
`lxc.config.rules`, which look at the configuration as far as it could be read.
"""

from __future__ import annotations

from lxc.config.lines import span
from lxc.config.rules import files, ids, limits, network, reading, unsafe, unused
from lxc.config.rules.rule import SEVERITIES, Edit, Found, Host, Rule, Subject
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from lxc.config.recorder import Reading

RULES: dict[str, Rule] = {
    rule.name: rule for module in (reading, ids, limits, unused, files, unsafe, network) for rule in module.RULES
}
_OF_A_LINE = ("legacy-key", "trailing-comment")  # rules whose edits depend on no line that was not read
_OF_A_CONTAINER = ("lxc.rootfs.path", "lxc.uts.name")


class Finding(Record):
    """One thing to tell the user.  `line` and `column` count from 1; line 0 is the file as a whole."""

    rule: Rule
    message: str
    path: str
    line: int = 0
    column: int = 0
    length: int = 0
    text: str = ""  # the line, without its end
    included_at: str = ""  # "file:line" of what includes the file, "" for the one that was asked for
    edits: tuple[Edit, ...] = ()

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


def subject(read: Reading, host: Host, *, is_whole: bool = True) -> Subject:
    """What rules are told.  `is_whole` is for certain; else it is found out."""
    whole = is_whole or any(read.config.is_set(key) for key in _OF_A_CONTAINER)
    return Subject(read.config, host, read.assignments, read.texts, read.files, whole)


def findings(read: Reading, host: Host, *, is_whole: bool = True, ignored: Container[str] = ()) -> tuple[Finding, ...]:
    """All there is to say, in the order of the files and their lines; nothing of the rules in `ignored`."""
    it = subject(read, host, is_whole=is_whole)
    found = [_finding(it, read, RULES[name], each) for name, each in _all(it, read) if name not in ignored]
    order = {path: index for index, path in enumerate(read.files)}
    severity = {name: index for index, name in enumerate(SEVERITIES)}
    found.sort(key=lambda f: (order.get(f.path, len(order)), f.line, severity[f.rule.severity], f.column))
    return tuple(dict.fromkeys(found))


def _all(it: Subject, read: Reading) -> Iterator[tuple[str, Found]]:
    for name, found in read.found:
        if name == "legacy-key" and found.where in read.updates:
            yield name, found.replace(edits=(read.updates[found.where],))
        else:
            yield name, found
    for rule in RULES.values():
        if it.is_whole or not rule.of_whole:
            for found in rule.check(it):
                yield rule.name, found


def _finding(it: Subject, read: Reading, rule: Rule, found: Found) -> Finding:
    path, _, number = found.where.rpartition(":")
    if not number.isdecimal() or found.where in it.files:
        return Finding(rule, found.message, found.where)
    text = it.text(found.where) or _line(it.host.texts.get(path, ""), int(number))
    is_mount = found.where not in it.texts  # a line of fstab is no assignment
    column, length = _piece(text, found.part) if is_mount else span(text, found.part)
    is_sure = not (read.has_bare_returns or (read.is_cut and rule.name not in _OF_A_LINE))
    edits = found.edits if is_sure else ()
    included_at = read.includers.get(path, "")
    return Finding(rule, found.message, path, int(number), column, length, text, included_at, edits)


def _line(text: str, number: int) -> str:
    lines = text.split("\n")
    return lines[number - 1] if number <= len(lines) else ""


def _piece(text: str, part: str) -> tuple[int, int]:
    if part and part in text:
        return text.index(part) + 1, len(part)
    return len(text) - len(text.lstrip()) + 1, len(text.strip()) or 1
