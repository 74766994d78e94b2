"""The key table as a manual page, lxc.container.conf(5), and as a JSON Schema: straight from the rows."""

from __future__ import annotations

from lxc.config.container import FOREIGN, Config
from lxc.config.family import Listed, Named, Numbered
from lxc.config.key import Directive, Many, Merged, One
from lxc.values.plain import Choice, Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from lxc.config.table import Key, Table

# Title of a section -> the first key in it; the table is in the order of the manual.
SECTIONS = {
    "lxc.arch": "The system",
    "lxc.init.cmd": "Its first process",
    "lxc.rootfs.path": "The root file system",
    "lxc.console.path": "Terminals",
    "lxc.idmap": "Namespaces and ids",
    "lxc.net": "Network",
    "lxc.cgroup2": "Control groups and other limits",
    "lxc.cap.drop": "Security",
    "lxc.hook.pre-start": "Hooks",
    "lxc.log.file": "Log, monitor and autostart",
}
SYNTAX = (
    "Each line of the file is `key = value`. Blanks around key and value do not count, nor does one pair of single or "
    "double quotes around the value; there are no escapes. A line that begins with `#` is a comment, and a `#` "
    "elsewhere is an ordinary character. A line that begins with anything but `lxc.` has no effect; reading the file "
    "warns of it.",
    "A value that cannot be read, and a key that does not exist, are errors: the container does not start, and all "
    "mistakes of the file and of those it includes are listed with their lines.",
    "Most keys hold one value, and the last line wins. Of others, as said below, each line adds to those before. "
    "`key =` brings a key back to where it was without any line, unless something else is said of it.",
    f"Keys that begin with `{FOREIGN}` are left to other programs.",
)
FILES = (
    ("/var/lib/lxc/NAME/config", "Configuration of the container NAME."),
    ("~/.local/share/lxc/NAME/config", "The same for containers of a user who is not root."),
)
_TEXT = {"type": "string"}


def roff() -> str:
    """The manual page."""
    return "\n".join((
        '.TH "lxc.container.conf" "5" "" "lxcpy" "File formats"',
        ".SH NAME",
        "lxc.container.conf \\- configuration of a container",
        ".SH DESCRIPTION",
        *(line for paragraph in SYNTAX for line in (".PP", _escaped(paragraph))),
        ".SH KEYS",
        *_of_table(Config, ""),
        ".SH FILES",
        *(line for path, what in FILES for line in (".TP", f"\\fB{_escaped(path)}\\fR", _escaped(what))),
        ".SH SEE ALSO",
        ".BR lxc.system.conf (5),",
        ".BR lxc-start (1),",
        ".BR lxc-info (1)",
        "",
    ))  # fmt: skip


def schema() -> dict[str, Any]:
    """JSON Schema of an object that maps keys to values; what can be given repeatedly is an array."""
    properties, patterns = _properties(Config)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lxc.container.conf(5)",
        "type": "object",
        "properties": properties,
        "patternProperties": {**patterns, f"^{_literal(FOREIGN)}": {}},
        "additionalProperties": False,
    }


def _of_table(table: type[Table], prefix: str) -> Iterator[str]:
    for key in table.KEYS.values():
        if key.name in SECTIONS:
            yield f'.SS "{SECTIONS[key.name]}"'
        if isinstance(key, Numbered):
            yield from _entry(f"{key.name}.<n>", [key.doc, "Each has a number and the following keys."])
            yield from _of_table(key.table, f"{key.name}.<n>.")
        else:
            family = ".<name>" if key.is_family else ""
            yield from _entry(f"{prefix}{key.name}{family}", _sentences(key))


def _entry(name: str, sentences: list[str]) -> tuple[str, ...]:
    return (".TP", f"\\fB{_escaped(name)}\\fR", _escaped(" ".join(sentences)))


def _sentences(key: Key) -> list[str]:
    said = [_sentence(key.doc)]
    if not isinstance(key, Directive):
        said.append(f"Value: {_grammar(key)}")
    if isinstance(key, One) and key.default and key.show(key.default):
        said.append(f"Default: {key.show(key.default)}.")
    if isinstance(key, Merged | Many | Listed):
        said.append("Each line adds to those before.")
    return said


def _grammar(key: Key) -> str:
    if isinstance(key, Named | Listed) and key.check is not str:
        return f"{_first(key.parse.__doc__)} Name: {_first(key.check.__doc__)}"
    return _first(key.parse.__doc__)


def _first(doc: str | None) -> str:
    """The first paragraph of a docstring as one line."""
    return " ".join((doc or "").partition("\n\n")[0].split())


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _escaped(text: str) -> str:
    """`text` as roff takes it; `…` marks what is typed literally."""
    pieces = text.replace("\\", "\\e").replace("-", "\\-").split("`")
    bold = "".join(f"\\fB{piece}\\fR" if index % 2 else piece for index, piece in enumerate(pieces))
    return f"\\&{bold}" if bold[:1] in (".", "'") else bold


def _properties(table: type[Table]) -> tuple[dict[str, Any], dict[str, Any]]:
    properties: dict[str, Any] = {}
    patterns: dict[str, Any] = {}
    for key in table.KEYS.values():
        if isinstance(key, Numbered):
            inner, _ = _properties(key.table)
            pattern = f"^{_literal(key.name)}\\.[0-9]+\\."
            patterns |= {f"{pattern}{_literal(name)}$": one for name, one in inner.items()}
        elif key.is_family:
            patterns[f"^{_literal(key.name)}\\.{_names(key)}$"] = _described(key)
        else:
            properties[key.name] = _described(key)
    return properties, patterns


def _described(key: Key) -> dict[str, Any]:
    kind = _kind(key)
    if isinstance(key, Listed | Many) or key.name == "lxc.include":
        kind = {"type": "array", "items": kind}
    default = {"default": int(key.default)} if isinstance(key.default, int) else {}
    return {"description": f"{_sentence(key.doc)} {_grammar(key)}".strip(), **kind, **default}


def _kind(key: Key) -> dict[str, Any]:
    if isinstance(key.default, bool):
        return {"enum": [0, 1]}
    if isinstance(key.parse, Choice):
        return {"enum": list(key.parse.words)}
    if isinstance(key.parse, Range):
        return {"type": "integer", "minimum": key.parse.low, "maximum": key.parse.high}
    if isinstance(key.default, int):
        return {"type": ["integer", "string"]}  # a signal, a size, a level: they have names as well
    return _TEXT


def _names(key: Key) -> str:
    """A pattern for the names in a family: a cgroup's `dir` keys are rows of their own."""
    return "(?!dir$|dir\\.|relative$).+" if key.name == "lxc.cgroup" else ".+"


def _literal(text: str) -> str:
    return text.replace(".", "\\.")
