"""Rules about lines: what cannot be read, what LXC passes over in silence, and what reads as something else."""

from __future__ import annotations

from lxc.config.container import Config
from lxc.config.key import Many, Merged, One, Wiping
from lxc.config.net import Net
from lxc.config.rules.rule import ERROR, NOTE, WARNING, Assignment, Edit, Found, Rule, Subject, with_value
from lxc.values import size
from lxc.values.plain import Range
from lxc.values.words import INVISIBLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lxc.config.table import Key

_SIZES = ("lxc.console.size", "lxc.console.buffer.size")
_UNLIKE = INVISIBLE | {"\u2018": "a typographic quote", "\u2019": "a typographic quote"}
_UNLIKE |= {"\u201c": "a typographic quote", "\u201d": "a typographic quote"}
_OFTEN_TWICE = ("lxc.hook.", "lxc.cgroup", "lxc.include", "lxc.net.")


def _row(name: str) -> Key | None:
    """The row of the key `name`, in the table of a network device if it is one's; None if it has none of its own."""
    if name.startswith("lxc.net."):
        return Net.KEYS.get(name[8:].partition(".")[2])
    return Config.KEYS.get(name)


def _assigned_twice(it: Subject) -> Iterator[Found]:
    """In one file: that a file overrides what it includes is what including is for."""
    last: dict[tuple[str, str], tuple[Assignment, int]] = {}
    devices: set[str] = set()  # network devices whose type is set
    age = 0  # network devices that were begun anew so far: what was said of one before is forgotten
    for one in it.assignments:
        device, key = _device(one.key)
        if key == "type":
            devices.add(device)
        elif one.key == "lxc.net":
            devices.clear()
        elif device and not key:
            devices.discard(device)
        age += one.key == "lxc.net" or (bool(device) and key in ("", "type"))
        row = _row(one.key)
        if not isinstance(row, One) or isinstance(row, Merged | Wiping):
            continue
        place = (one.where.rpartition(":")[0], one.key)
        before, its_age = last.get(place, (None, 0))
        last[place] = (one, age if not device or device in devices else -1)  # -1: this line makes the device
        if before and before.value and one.value:
            is_idle = not device or its_age == age
            edits = (Edit(before.where, ()),) if it.is_ours(before.where) and is_idle else ()
            line = one.where.rpartition(":")[2]
            yield Found(before.where, f"this is forgotten: {one.key} is assigned again in line {line}", one.key, edits)


def _device(key: str) -> tuple[str, str]:
    """("0", "link") of lxc.net.0.link, ("0", "") of lxc.net.0; ("", "") if the key is of no network device."""
    number, _, rest = key[8:].partition(".") if key.startswith("lxc.net.") else ("", "", "")
    return number, rest


def _said_twice(it: Subject) -> Iterator[Found]:
    seen: dict[str, set[tuple[str, str]]] = {}  # key -> (file, value)
    for one in it.assignments:
        row = _row(one.key)
        if not isinstance(row, Many) or one.key.startswith(_OFTEN_TWICE):
            continue
        items = seen.setdefault(one.key, set())
        item = (one.where.rpartition(":")[0], one.value)
        if not one.value:
            items.clear()
        elif item in items:
            yield Found(one.where, f"{one.key} has this item already")
        items.add(item)


def _type_late(it: Subject) -> Iterator[Found]:
    """lxc.net.N.type forgets what was said of the device before."""
    said: dict[str, Assignment] = {}
    for one in it.assignments:
        if one.key == "lxc.net":
            said.clear()
        number, key = _device(one.key)
        if not number:
            continue
        if key == "type":
            first = said.pop(number, None)
            if first and not first.key.endswith(".type"):
                line = one.where.rpartition(":")[2]
                yield Found(first.where, f"this is forgotten: {one.key} is assigned later, in line {line}", first.key)
        elif not key:
            said.pop(number, None)
        elif one.value:
            said.setdefault(number, one)


def _octal(it: Subject) -> Iterator[Found]:
    for one in it.assignments:
        row = _row(one.key)
        fields = one.value.split() if one.key == "lxc.idmap" else [one.value]
        if not isinstance(getattr(row, "parse", None), Range) and one.key != "lxc.idmap":
            continue
        for field in fields:
            if len(field) > 1 and field[0] == "0" and field.isdecimal():
                value = one.value.replace(field, str(int(field, 8)), 1) if len(fields) == 1 else ""
                yield Found(
                    one.where,
                    f"a number that begins with 0 is octal: {field} is {int(field, 8)}",
                    field,
                    _rewritten(it, one, value),
                )


def _rewritten(it: Subject, one: Assignment, value: str) -> tuple[Edit, ...]:
    if not value or not it.is_ours(one.where):
        return ()
    return (Edit(one.where, (with_value(it.text(one.where), value),)),)


def _last(it: Subject, keys: Iterable[str]) -> Iterator[Assignment]:
    """The assignments of `keys` that are in force."""
    for key in it.set_keys(keys):
        found = [one for one in it.assignments if one.key == key]
        yield from found[-1:]


def _one_letter(it: Subject) -> Iterator[Found]:
    for one in _last(it, _SIZES):
        unit = one.value.lstrip("0123456789 \t")
        if len(unit) == 1:
            value = one.value.rstrip(unit).rstrip(" \t")
            yield Found(one.where, f"a unit of one letter means nothing: {one.value} is {value} bytes", one.value)


def _rounded(it: Subject) -> Iterator[Found]:
    for one in _last(it, _SIZES):
        if one.value.isdecimal() and int(one.value) and size.buffer(one.value) != int(one.value):
            yield Found(one.where, f"{one.value} bytes are rounded up to {size.buffer(one.value)}")


def _tmpfs_size(it: Subject) -> Iterator[Found]:
    for one in _last(it, ("lxc.autodev.tmpfs.size",)):
        if size.tmpfs(one.value) == size.TMPFS and one.value not in ("", str(size.TMPFS)):
            yield Found(one.where, f"expected a number of bytes, got {one.value!r}; LXC takes {size.TMPFS} then")


def _open_quote(it: Subject) -> Iterator[Found]:
    for one in it.assignments:
        value = it.text(one.where).partition("=")[2].strip(" \t")
        quote = value[:1]
        if quote and quote in "'\"" and (len(value) == 1 or value[-1] != quote) and value.count(quote) == 1:
            yield Found(one.where, f"the quote {quote} is not closed, and so belongs to the value", value)


def _invisible(it: Subject) -> Iterator[Found]:
    for where, text in it.texts.items():
        if text.lstrip(" \t\ufeff")[:4] == "lxc." and not text.isascii():
            for char, name in _UNLIKE.items():
                if char in text:
                    yield Found(
                        where, f"{name} (U+{ord(char):04X}) stands here, and is taken as an ordinary character", char
                    )
                    break


def _from_starter(it: Subject) -> Iterator[Found]:
    for one in it.assignments:
        if one.key.startswith("lxc.environment") and one.value and "=" not in one.value:
            yield Found(
                one.where, f"the value of {one.value} is that of whoever reads this, which is not always the same"
            )


RULES = (
    Rule("unknown-key", ERROR, "A key that does not exist makes the whole configuration unusable.",
         "Correct its spelling; lxc.container.conf(5) has all keys."),
    Rule("bad-value", ERROR, "A value that cannot be read makes the whole configuration unusable.",
         "Write what is expected."),
    Rule("legacy-key", ERROR, "Keys from before LXC 2.1 are refused.",
         "Use the new name; --fix and lxc-update-config do that.", mends=True),
    Rule("no-assignment", ERROR, "A line that begins with lxc. and assigns nothing makes the configuration unusable.",
         "Write 'key = value', or begin the line with # if it is a comment."),
    Rule("include-unreadable", ERROR, "A file that cannot be included makes the configuration unusable.",
         "Correct the path, or make the file."),
    Rule("rival-keys", ERROR, "Two keys that exclude each other are both set.",
         "Use one of them; 'key =' clears one that an included file sets."),
    Rule("other-network-type", ERROR, "A key for one type of network device is set for another.",
         "Leave it out, or set the type before it."),
    Rule("ignored-line", ERROR, "LXC passes over lines that do not begin with lxc. without a word.",
         "Correct the key, or begin the line with # if it is a comment."),
    Rule("trailing-comment", ERROR, "A # behind a value does not begin a comment: all of it is the value.",
         "Give the comment a line of its own; quote the value if the # is meant.", mends=True),
    Rule("assigned-twice", WARNING, "Of a key that holds one value only the last assignment counts.",
         "Remove the other.", _assigned_twice, mends=True),
    Rule("said-twice", NOTE, "The same item is in the list twice.", "Remove one.", _said_twice),
    Rule("type-late", WARNING, "lxc.net.N.type forgets everything that was said of the device before.",
         "Move the type to the first line of the device.", _type_late),
    Rule("octal-number", WARNING, "A number that begins with 0 is not read as decimal.",
         "Leave the 0 out.", _octal, mends=True),
    Rule("one-letter-unit", WARNING, "Sizes have units of two letters; one letter is passed over in silence.",
         "Write KB, MB or GB.", _one_letter),
    Rule("size-rounded", NOTE, "Buffers and console logs are sized in powers of two, at least a page.",
         "Write the size that you get.", _rounded),
    Rule("tmpfs-size", WARNING, "A size that is no number is taken for 500000 bytes without a word.",
         "Write a number of bytes, without a unit.", _tmpfs_size),
    Rule("open-quote", WARNING, "Quotes around a value are removed only as a pair.",
         "Close the quote, or leave it out.", _open_quote),
    Rule("invisible-character", WARNING, "A character that looks like another is not the other.",
         "Type it again on a plain keyboard.", _invisible),
    Rule("environment-of-reader", NOTE, "A variable without a value gets the one it has where the file is read.",
         "Write NAME=VALUE.", _from_starter),
)  # fmt: skip
