"""What a rule is, what it looks at, and what it finds.

A rule is pure: all it knows of a configuration and of the host is its
`Subject`.  So a rule is tested by a text and a `Host`, on any machine.
"""

from __future__ import annotations

from lxc.config.container import Config
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)


class File(Record):
    """What stat(2) said of a path."""

    kind: str  # "file", "directory", "link", "character", "block", "socket" or "fifo"
    uid: int = 0
    gid: int = 0
    mode: int = 0o755  # permissions only


class Host(Record):
    """What rules may know of the host.

    `files` has an entry for each path that somebody looked at, None if nothing is there; a path that it lacks was not
    looked at, and nothing is said of it.
    """

    layout: str = ""  # of control groups: "unified", "hybrid", "legacy", "none", or "" if not known
    controllers: frozenset[str] | None = None  # of all hierarchies; None if not known
    cgroup_files: frozenset[str] = frozenset()  # that cgroups have, of the controllers of which this is known
    modules: frozenset[str] | None = None  # security modules at work: "apparmor", "selinux"; None if not known
    devices: frozenset[str] | None = None  # network devices; None if not known
    uid: int = 0  # whose containers they are
    files: Mapping[str, File | None] = {}
    texts: Mapping[str, str] = {}  # contents of files that are part of a configuration: fstab, a policy with mistakes
    mistakes: tuple[tuple[str, str], ...] = ()  # the place of each in the policy of system calls, and what it is

    def is_missing(self, path: str) -> bool:
        return path in self.files and self.files[path] is None

    def file(self, path: str) -> File | None:
        """What is at `path`; None if nothing is, or nobody looked."""
        return self.files.get(path)


class Assignment(Record):
    """A line `key = value` that was accepted; `where` is its "file:line"."""

    key: str
    value: str
    where: str


class Edit(Record):
    """A line to replace by `lines`, each without its end: none of them removes it."""

    where: str
    lines: tuple[str, ...]


class Found(Record):
    """One violation.  `part` is the piece of the line that is meant, "" for all of the value."""

    where: str  # "file:line", or a file alone
    message: str
    part: str = ""
    edits: tuple[Edit, ...] = ()


class Subject(Record):
    """A configuration as rules see it."""

    config: Config
    host: Host = Host()
    assignments: tuple[Assignment, ...] = ()  # in the order in which they were read, those of included files in place
    texts: Mapping[str, str] = {}  # "file:line" -> the line, of all files that were read
    files: tuple[str, ...] = ()  # those files, the one that was asked for first
    is_whole: bool = True  # a container's configuration, not a piece of one to be included

    def at(self, key: str, message: str, part: str = "") -> Found:
        """A violation at the place where `key` was set; about the file as a whole if it was not set."""
        return Found(self.config.where(key) or self.files[0], message, part)

    def text(self, where: str) -> str:
        """The line at `where`, without its end."""
        return self.texts.get(where, "").rstrip("\r\n")

    def is_ours(self, where: str) -> bool:
        """Whether `where` is in the file that was asked for, not in one it includes."""
        return where.rpartition(":")[0] == self.files[0]

    def set_keys(self, keys: Iterable[str]) -> Iterator[str]:
        return (key for key in keys if self.config.is_set(key))

    @property
    def is_privileged(self) -> bool:
        """Whether root in the container is root on the host, as far as this file says: without a user namespace."""
        return self.is_whole and not self.config.idmap and "user" not in self.config.namespace_clone


class Rule(Record):
    """`why` says in one sentence what is bad about it, `fix` what to do.

    One that is `of_whole` complains of what is not there, which a file to be included need not have.
    """

    name: str
    severity: str
    why: str
    fix: str
    check: Callable[[Subject], Iterable[Found]] = lambda subject: ()  # those without are found while reading
    mends: bool = False  # whether there are cases that lxc-check --fix can rewrite
    of_whole: bool = False


def idle(name: str, key: str, why: str, fix: str, unless: Callable[[Config], bool], severity: str = WARNING) -> Rule:
    """The rule that `key` has no effect unless `unless(config)`."""

    def check(it: Subject) -> Iterator[Found]:
        if it.config.is_set(key) and not unless(it.config):
            yield it.at(key, f"{key} has no effect here: {why[0].lower()}{why[1:].rstrip('.')}", key)

    return Rule(name, severity, why, fix, check, of_whole=True)


def with_value(text: str, value: str) -> str:
    """The line `text`, which is `key = …`, with another value; the blanks around the `=` and the line's end stay."""
    head, equals, tail = text.partition("=")
    blanks = tail[: len(tail) - len(tail.lstrip(" \t"))]
    end = tail[len(tail.rstrip("\r\n")) :]
    return f"{head}{equals}{blanks}{value}{end}"


def with_key(text: str, key: str) -> str:
    """The line `text`, which is `key = …`, with another key."""
    head, equals, tail = text.partition("=")
    name = head.strip(" \t")
    return f"{head.replace(name, key, 1)}{equals}{tail}"
