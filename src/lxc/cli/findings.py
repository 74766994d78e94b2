"""What lxc-check found, as text for people, as JSON, and as SARIF for the tools that show findings of linters."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lxc.cli.output import Plain
    from lxc.config.lint import Finding
    from lxc.config.rules.rule import Rule

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_COLOURS = {"error": "31", "warning": "33", "note": "36"}


def text(found: Iterable[Finding], *, colour: bool = False) -> Iterator[str]:
    """Lines for a terminal: the finding, its line with what is meant underlined, and what to do."""
    for each in found:
        severity = each.rule.severity
        shown = f"\x1b[1;{_COLOURS[severity]}m{severity}\x1b[0m" if colour else severity
        yield f"{visible(each.place)}: {shown}: {visible(each.message)} [{each.rule.name}]"
        number = f"{each.line:5}"
        if each.text:
            line = visible(each.text)
            yield f"{number} | {line}"
            blanks = "".join(char if char == "\t" else " " for char in line[: each.column - 1])
            yield f"{' ' * len(number)} | {blanks}{'^' * max(each.length, 1)}"
        if each.included_at:
            yield f"{' ' * len(number)} = included by {visible(each.included_at)}"
        yield f"{' ' * len(number)} = {each.rule.fix}{' (--fix does it.)' * bool(each.edits)}"


def summary(found: Sequence[Finding]) -> str:
    """How many there are of each severity."""
    counts = {name: sum(each.rule.severity == name for each in found) for name in _COLOURS}
    return ", ".join(f"{count} {name}{'s' * (count != 1)}" for name, count in counts.items() if count) or "nothing"


def visible(line: str) -> str:
    """`line` without what a terminal would act on: a configuration can come from anybody."""
    return "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in line)


def plain(found: Iterable[Finding]) -> list[Plain]:
    """For --format json."""
    return [
        {
            "rule": each.rule.name,
            "severity": each.rule.severity,
            "message": each.message,
            "file": each.path,
            "line": each.line or None,
            "column": each.column or None,
            "length": each.length or None,
            "text": each.text,
            "included_by": each.included_at or None,
            "why": each.rule.why,
            "fix": each.rule.fix,
            "can_fix": bool(each.edits),
        }
        for each in found
    ]


def described(rules: Iterable[Rule]) -> list[Plain]:
    """The rules themselves, for --list-rules --format json."""
    return [
        {"rule": rule.name, "severity": rule.severity, "why": rule.why, "fix": rule.fix, "can_fix": rule.mends}
        for rule in rules
    ]


def sarif(found: Sequence[Finding], rules: Iterable[Rule], version: str) -> Plain:
    """A document of the Static Analysis Results Interchange Format, 2.1.0."""
    driver: Plain = {
        "name": "lxc-check",
        "version": version,
        "rules": [
            {
                "id": rule.name,
                "shortDescription": {"text": rule.why},
                "help": {"text": rule.fix},
                "defaultConfiguration": {"level": rule.severity},
            }
            for rule in rules
        ],
    }
    run: Plain = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each) for each in found],
    }
    return {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}


def _result(each: Finding) -> Plain:
    from urllib.parse import quote

    location: dict[str, Plain] = {"artifactLocation": {"uri": quote(each.path)}}
    if each.line:
        location["region"] = {
            "startLine": each.line,
            "startColumn": each.column,
            "endColumn": each.column + each.length,
            "snippet": {"text": each.text},
        }
    return {
        "ruleId": each.rule.name,
        "level": each.rule.severity,
        "message": {"text": each.message},
        "locations": [{"physicalLocation": location}],
    }
