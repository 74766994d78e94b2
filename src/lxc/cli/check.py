"""lxc-check: find what is wrong with a configuration before anything is started."""

from __future__ import annotations

import os

from lxc.cli import output
from lxc.cli.options import Arguments, Command, one_of, switch, texts, value
from lxc.errors import ConfigError, NotFound, StepError, UsageError
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxc.config.lint import Finding
    from lxc.config.recorder import Reading
    from lxc.config.rules.rule import Host

CLEAN, UNWISE, WRONG = 0, 1, 2
_LAYOUTS = {"v1": "legacy", "v2": "unified"}


class CheckArguments(Arguments):
    WITHOUT = ("rcfile", "logfile", "logpriority")

    fix = switch("fix", "", "Rewrite what can be rewritten; the old file is kept as FILE.backup.")
    format = value(
        "format", "", "FORMAT", "Print as text (default), as JSON, or as SARIF.", one_of("text", "json", "sarif"),
        default="text", complete=("text", "json", "sarif"),
    )  # fmt: skip
    target = value(
        "target", "", "VERSION", "Judge for a host with control groups of version v1 or v2, whatever this one has.",
        one_of(*_LAYOUTS), default="", complete=tuple(_LAYOUTS),
    )  # fmt: skip
    ignore = texts("ignore", "", "RULE", "Say nothing of what this rule finds.")
    list_rules = switch("list-rules", "", "Print all rules and what they are for.")
    schema = switch("schema", "", "Print a JSON Schema of the configuration.")


def check(arguments: CheckArguments) -> None:
    if not (arguments.list_rules or arguments.schema or arguments.name or arguments.operands):
        raise UsageError("expected the name of a container or a file")


COMMAND = Command(
    "lxc-check",
    CheckArguments,
    summary="Finds mistakes in configurations.",
    description="Reads the configuration of the container NAME, or FILE (a word with a slash in it, or of an existing "
    "file), and all that it includes, and prints everything that is an error, has no effect, or is unwise, with its "
    "place, the line, and what to do. It starts and changes nothing.\n\n"
    "An error keeps a container from starting, or is not what was meant: a line that LXC passes over in silence, such "
    "as one with a misspelt 'lxc.', is one here, too. A warning is about something that works, but hardly as intended. A note is "
    "good to know.\n\n"
    "With --fix lines are rewritten where it is certain what they should be: old names of keys, limits for control "
    "groups of version 1 if the host has version 2 (or with --target v2), comments behind a value, octal "
    "numbers, assignments that others override. Comments and the order of lines stay. Included files are not touched.\n\n"
    "With --format json the answer is an array of objects: rule, severity (error, warning, note), message, file, line, "
    "column, length (of what is meant, in characters), text (the line), included_by, why, fix, can_fix.",
    operands="NAME|FILE...",
    name="none",
    complete="container",
    check=check,
    exits=(
        ("0", "There is nothing to say but notes."),
        ("1", "There are warnings; or the command line is wrong."),
        ("2", "There are errors, there is no such container or file, or it cannot be rewritten."),
    ),
    examples=(
        ("lxc-check web", "Checks the configuration of web."),
        ("lxc-check --fix --target v2 ./config", "Rewrites what is old in ./config."),
        ("lxc-check --format sarif web > web.sarif", "For a program that shows such findings."),
    ),
    see_also=("lxc-update-config(1)", "lxc-checkconfig(1)", "lxc-start(1)"),
)


class Checked(Record):
    """A file and what was found in it; `rewritten` is how many findings --fix removed."""

    path: str
    found: tuple[Finding, ...]
    rewritten: int = 0


def run(arguments: CheckArguments) -> int:
    if arguments.schema:
        from lxc.config import manual

        output.json(manual.schema())
        return CLEAN
    from lxc.config import lint

    if arguments.list_rules:
        _list_rules(arguments.format)
        return CLEAN
    unknown = [name for name in arguments.ignore if name not in lint.RULES]
    if unknown:
        raise UsageError(f"--ignore {unknown[0]}: there is no such rule; --list-rules prints all")
    try:
        checked = [_checked(arguments, word) for word in _words(arguments)]
    except (ConfigError, NotFound, StepError) as error:
        error.exit_status = WRONG
        raise
    _print(arguments, checked)
    worst = {each.rule.severity for one in checked for each in one.found}
    return WRONG if "error" in worst else UNWISE if "warning" in worst else CLEAN


def _words(arguments: CheckArguments) -> list[str]:
    return [*([arguments.name] if arguments.name else []), *arguments.operands]


def _checked(arguments: CheckArguments, word: str) -> Checked:
    from lxc.config import lint, mend, reader, recorder

    path, is_container = _file(arguments, word)
    try:
        text = reader.read(path, is_stream=not is_container)
    except (OSError, ValueError) as error:
        raise reader.unreadable(path, error) from error
    whole = is_container or os.path.basename(path) == "config"
    reading, done = recorder.record(path, text), 0
    if arguments.fix:
        mended = mend.mended(path, text, _host(arguments, reading), is_whole=whole, ignored=arguments.ignore)
        if mended.document.text != text:
            mend.save(text, mended.document)
        reading, done = recorder.record(path), len(mended.done)  # it may mention other files now
    return Checked(
        path, lint.findings(reading, _host(arguments, reading), is_whole=whole, ignored=arguments.ignore), done
    )


def _host(arguments: CheckArguments, reading: Reading) -> Host:
    """What rules are told of the host: this one, or what --target says."""
    from lxc.runtime.check import survey

    host = survey.survey(reading)
    if not arguments.target:
        return host
    return host.replace(layout=_LAYOUTS[arguments.target], controllers=None, cgroup_files=frozenset())


def _file(arguments: CheckArguments, word: str) -> tuple[str, bool]:
    """The file that `word` means, and whether that is because it names a container."""
    from lxc.runtime.place import place

    if "/" in word or (word != arguments.name and os.path.isfile(word)):
        return word, False
    found = place(word, arguments.lxcpath)
    if not found.is_defined:
        hint = (
            f"lxc-ls -P {found.lxcpath} lists those there are; a file's name needs a slash in it, if it does not exist"
        )
        raise NotFound(f"there is no container {word} in {found.lxcpath}", hint=found.hidden or hint)
    return found.config_file, True


def _print(arguments: CheckArguments, checked: Sequence[Checked]) -> None:
    from lxc.cli import findings
    from lxc.config import lint
    from lxc.release import VERSION

    all_found = [each for one in checked for each in one.found]
    if arguments.format == "json":
        output.json(findings.plain(all_found))
    elif arguments.format == "sarif":
        output.json(findings.sarif(all_found, lint.RULES.values(), VERSION))
    elif not arguments.quiet:
        output.lines(findings.text(all_found, colour=os.isatty(output.STDOUT)))
        for one in checked:
            fixed = f"; {one.rewritten} mended, the old file is {one.path}.backup" if one.rewritten else ""
            output.lines([findings.visible(f"{one.path}: {findings.summary(one.found)}{fixed}")])


def _list_rules(form: str) -> None:
    from lxc.cli import findings
    from lxc.config import lint

    rules = sorted(lint.RULES.values(), key=lambda rule: rule.name)
    if form == "json":
        output.json(findings.described(rules))
        return
    for rule in rules:
        fixes = " (--fix can)" if rule.mends else ""
        output.lines([f"{rule.name}: {rule.severity}{fixes}", f"    {rule.why}", f"    {rule.fix}"])
