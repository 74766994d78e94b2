"""Completion of the commands' words in bash, zsh and fish: straight from the option tables.

The scripts ask no program what the options are; only the names of containers
come from `lxc-ls -1`, those of groups from its table, those of control groups'
files from `lxc-cgroup --list`.
"""

from __future__ import annotations

import os

from lxc.config.container import Config
from lxc.hooks.plan import quoted
from lxc.images import template
from lxc.runtime.commands import STATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.cli.options import Command, Option

# What `Option.complete` may name, besides words of its own; the argument FILE or DIR of an option names it, too.
SOURCES = ("cgroup-files", "container", "dir", "file", "groups", "keys", "namespaces", "states", "templates")
OURS = [name.removeprefix("lxc-") for name in os.listdir(template.OWN)]  # others are looked for
NAMESPACES = ("MOUNT", "PID", "UTSNAME", "IPC", "USER", "NETWORK", "CGROUP", "TIME")


def files(commands: list[Command]) -> dict[str, str]:
    """The path and the content of each script."""
    fish = {f"completions/fish/{command.tool}.fish": _fish(command) for command in commands}
    return {"completions/bash/lxc": _bash(commands), "completions/zsh/_lxc": _zsh(commands), **fish}


def kind(command: Command, option: Option) -> str:
    """What may follow `option`: the name of a source, or words after "words ", or after "joined " if | joins several;
    "" if anything.
    """
    if not option.complete:
        return {"FILE": "file", "DIR": "dir"}.get(option.argument, "")
    if isinstance(option.complete, tuple):
        return f"words {' '.join(option.complete)}"
    if option.complete in ("namespaces", "states"):
        return f"joined {' '.join(STATES if option.complete == 'states' else NAMESPACES)}"
    if option.complete == "templates":
        return f"templates {' '.join(sorted({'none', *OURS}))}"
    if option.complete == "keys":
        return f"words {' '.join(Config.KEYS)}"
    return f"container {command.containers}" if option.complete == "container" else option.complete


def operand(command: Command) -> str:
    """What may follow the command itself."""
    if command.complete:
        return command.complete if isinstance(command.complete, str) else f"words {' '.join(command.complete)}"
    return f"container {command.containers}" if command.name == "required" else ""


def _bash(commands: list[Command]) -> str:
    tools = " ".join(command.tool for command in commands)
    options = [f"    {command.tool}) printf '%s' {quoted(_long_options(command))} ;;" for command in commands]
    kinds = [
        f"    {_patterns(command, option)}) printf '%s' {quoted(kind(command, option))} ;;"
        for command in commands
        for option in command.arguments.OPTIONS
        if option.argument and not option.optional
    ]
    kinds.append("    *) return 1 ;;")
    following = [
        f"    {command.tool}) printf '%s' {command.complete_next} ;;" for command in commands if command.complete_next
    ]
    operands = [f"    {command.tool}) printf '%s' {quoted(operand(command))} ;;" for command in commands]
    tables = {"_lxc_options": options, "_lxc_argument": kinds, "_lxc_operand": operands, "_lxc_next": following}
    functions = "".join(
        f"{name}() {{\n    case $1 in\n" + "\n".join(rows) + "\n    esac\n}\n\n" for name, rows in tables.items()
    )
    return _template("bash").replace("@FUNCTIONS@", functions.rstrip("\n")).replace("@TOOLS@", tools)


def _zsh(commands: list[Command]) -> str:
    tools = " ".join(command.tool for command in commands)
    cases = "\n".join(
        f"    {command.tool})\n        _arguments -s -S \\\n{_zsh_arguments(command)}\n        ;;"
        for command in commands
    )
    return _template("zsh").replace("@CASES@", cases).replace("@TOOLS@", tools)


def _zsh_arguments(command: Command) -> str:
    rows = [_zsh_option(command, option) for option in command.arguments.OPTIONS]
    if operand(command):
        rows.append(quoted(f"1:{operand(command).split()[0]}:{_zsh_action(operand(command))}"))
    if command.complete_next:
        rows.append(quoted(f"2:{command.complete_next}:{_zsh_action(command.complete_next)}"))
    rows.append(quoted("*:::word:_lxc_rest"))
    return " \\\n".join(f"            {row}" for row in rows)


def _zsh_option(command: Command, option: Option) -> str:
    names = [f"-{option.short}"] * bool(option.short) + [f"--{option.long}"]
    excluded = "*" if option.many else f"({' '.join(names)})"
    text = option.help.replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    action = ""
    if option.argument:
        action = f":{':' * option.optional}{option.argument.replace(':', '')}:{_zsh_action(kind(command, option))}"
    spelled = [name + _zsh_joint(name, option) for name in names]
    return " ".join(quoted(f"{excluded}{name}[{text}]{action}") for name in spelled)


def _zsh_joint(name: str, option: Option) -> str:
    """How the argument is joined to the name."""
    if not option.argument:
        return ""
    if name.startswith("--"):
        return "=-" if option.optional else "="
    return "-" if option.optional else "+"


def _zsh_action(kind: str) -> str:
    source, _, rest = kind.partition(" ")
    return {
        "words": f"({rest})",
        "cgroup-files": " _lxc_cgroup_files",
        "container": f" _lxc_names {rest}",
        "file": "_files",
        "dir": "_files -/",
        "joined": f"_values -s \\| word {rest}",
        "groups": " _lxc_groups",
        "templates": f" _lxc_templates {rest}",
    }.get(source, "")


def _fish(command: Command) -> str:
    rows = [*_template("fish").splitlines(), f"complete -c {command.tool} -f"]
    if operand(command):
        rows.append(f"complete -c {command.tool} -n __lxc_is_first -a {_fish_words(operand(command))}")
    if command.complete_next:
        rows.append(f"complete -c {command.tool} -n __lxc_is_second -a {_fish_words(command.complete_next)}")
    for option in command.arguments.OPTIONS:
        short = f" -s {option.short}" * bool(option.short)
        argument = _fish_argument(command, option)
        rows.append(f"complete -c {command.tool}{short} -l {option.long}{argument} -d {_fish_quoted(option.help)}")
    return "\n".join(rows) + "\n"


def _fish_argument(command: Command, option: Option) -> str:
    """-r: there is an argument, -F: a file's name; -x: there is one, and it is none."""
    if not option.argument or option.optional:
        return ""
    if kind(command, option) in ("file", "dir"):
        return " -r -F"
    words = _fish_words(kind(command, option))
    return " -x" if words == "''" else f" -x -a {words}"


def _fish_words(kind: str) -> str:
    source, _, rest = kind.partition(" ")
    return {
        "words": _fish_quoted(rest),
        "cgroup-files": "'(lxc-cgroup -n any --list 2>/dev/null)'",
        "container": _fish_quoted(f"({' '.join(['__lxc_ls', '-1', *_ls_options(rest)])})") if rest != "none" else "''",
        "joined": _fish_quoted(rest),
        "groups": "'(__fish_append , (__lxc_groups))'",
        "templates": _fish_quoted(f"(__lxc_templates {rest})"),
    }.get(source, "''")


def _ls_options(containers: str) -> list[str]:
    return [] if containers == "all" else [f"--{containers}"]


def _long_options(command: Command) -> str:
    return " ".join(
        f"--{option.long}{'=' if option.argument and not option.optional else ''}"
        for option in command.arguments.OPTIONS
    )


def _patterns(command: Command, option: Option) -> str:
    names = [f"--{option.long}", *([f"-{option.short}"] * bool(option.short))]
    return "|".join(f"{command.tool}:{name}" for name in names)


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _template(shell: str) -> str:
    with open(f"{os.path.dirname(__file__)}/completion.{shell}", encoding="utf-8") as file:
        return file.read()
