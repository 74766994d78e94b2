"""What is made from the option tables: it is up to date, and it works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tools"))

import documents  # noqa: E402
import manual_page  # noqa: E402

from lxc.cli.options import Arguments, Command, switch  # noqa: E402

CONTAINERS = {
    "": "alpha beta run",
    "--running": "run",
    "--defined": "alpha beta",
    "--stopped": "beta",
    "--frozen": "cold",
}


WRITTEN = ("docs/man/lxc-user-nic.1", "docs/man/lxc-usernet.5", "completions/bash/one")  # by hand: there is no table


@pytest.mark.parametrize("path", sorted(documents.files()))
def test_each_file_is_what_the_tables_say_now(path: str) -> None:
    assert (ROOT / path).read_text() == documents.files()[path], "run: python3 tools/documents.py"


def test_there_is_no_file_of_a_command_that_is_gone() -> None:
    made = {*ROOT.glob("docs/man/*"), *ROOT.glob("completions/*/*")}
    assert {str(path.relative_to(ROOT)) for path in made} <= {*documents.files(), *WRITTEN}


@pytest.mark.parametrize("command", documents.commands(), ids=lambda command: command.tool)
def test_every_command_explains_itself(command: Command) -> None:
    page = documents.files()[f"docs/man/{command.tool}.1"]
    assert command.summary.endswith(".")
    assert not [option.long for option in command.arguments.OPTIONS if not option.help.endswith(".")]
    assert page.isascii()
    assert ".SH EXIT STATUS" in page


@pytest.mark.parametrize("command", documents.commands(), ids=lambda command: command.tool)
def test_no_option_has_a_name_twice(command: Command) -> None:
    names = [name for option in command.arguments.OPTIONS for name in (option.long, option.short) if name]
    assert sorted(names) == sorted(set(names))


def test_text_cannot_become_a_request_or_an_escape() -> None:
    class Odd(Arguments):
        WITHOUT = tuple(option.long for option in Arguments.OPTIONS)
        odd = switch("odd", "", ".SH it's a \\fBtrap… -x.")

    page = "\n".join(manual_page.roff(Command("lxc-odd", Odd, "Is odd.")))
    assert "\n\\&.SH it\\(aqs a \\efBtrap\\[u2026] \\-x.\n" in page


@pytest.mark.command("groff")
def test_groff_has_nothing_to_say_against_the_pages() -> None:
    for path, page in documents.files().items():
        if path.startswith("docs/man/"):
            done = subprocess.run(
                ["groff", "-k", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True
            )
            assert (path, done.stderr) == (path, "")


def completed(*words: str, directory: Path) -> list[str]:
    """What bash offers for the last of `words`, with a lxc-ls that lists CONTAINERS."""
    lists = "\n".join(f"  *{choice}*) printf '%s\\n' {names} ;;" for choice, names in reversed(CONTAINERS.items()))
    (directory / "lxc-ls").write_text(
        f'#!/bin/sh\ncase "$*" in\n  *GROUPS*) printf "GROUPS \\nweb, db \\n- \\n" ;;\n  *-P\\ /else*) echo other ;;\n{lists}\nesac\n'
    )
    (directory / "lxc-cgroup").write_text(
        '#!/bin/sh\n[ "$3" = --list ] && printf "%s\\n" pids.max pids.current cpu.max\n'
    )
    for tool in ("lxc-ls", "lxc-cgroup"):
        (directory / tool).chmod(0o755)
    return offers(words, directory).split()


def offers(words: tuple[str, ...], directory: Path) -> str:
    """What bash offers, in lines, with the lxc-ls in `directory`."""
    script = (
        f"compopt() {{ :; }}; . '{ROOT}/completions/bash/lxc'; "
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lxc; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environment = {"PATH": f"{directory}:{os.environ['PATH']}", "HOME": ""}
    command = ["bash", "--norc", "-c", script, "bash", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=directory, check=True)
    assert not done.stderr
    return done.stdout


@pytest.mark.command("bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("lxc-stop", ""), ["run"]),
        (("lxc-unfreeze", ""), ["cold"]),
        (("lxc-info", "b"), ["beta"]),
        (("/usr/bin/lxc-info", "-n", "a"), ["alpha"]),
        (("lxc-info", "--name", "=", "a"), ["alpha"]),
        (("lxc-info", "--name", "="), ["alpha", "beta"]),
        (("lxc-info", "-P", "/else", ""), ["other"]),
        (("lxc-info", "--lxcpath", "=", "/else", ""), ["other"]),
        (("lxc-info", "-P", "~/else", ""), ["other"]),
        (("lxc-info", "-P", "'/el'\\s\"e\"", ""), ["other"]),
        (("lxc-info", "alpha", ""), []),
        (("lxc-info", "-n", "alpha", ""), []),
        (("lxc-cgroup", "run", "pids."), ["pids.current", "pids.max"]),
        (("lxc-cgroup", "-n", "run", "c"), ["cpu.max"]),
        (("lxc-cgroup", "--name", "=", "run", "-P", "/else", "c"), ["cpu.max"]),
        (("lxc-cgroup", "run", "pids.max", "p"), []),
        (("lxc-cgroup", "r"), ["run"]),
        (("lxc-info", "-c", "lxc.uts.name", "b"), ["beta"]),
        (("lxc-info", "-c", "lxc.ut"), ["lxc.uts.name"]),
        (("lxc-info", "--no"), ["--no-humanize"]),
        (("lxc-wait", "--st"), ["--state="]),
        (("lxc-wait", "-s", "R"), ["RUNNING"]),
        (("lxc-wait", "-s", "STOPPED|FRE"), ["STOPPED|FREEZING"]),
        (("lxc-wait", "-l", "W"), ["WARN"]),
        (("lxc-wait", "-t", ""), []),
        (("lxc-ls", "-F", "IPV"), ["IPV4", "IPV6"]),
        (("lxc-attach", "-s", "NET"), ["NETWORK"]),
        (
            ("lxc-attach", "-s", "NETWORK|"),
            [f"NETWORK|{name}" for name in ["CGROUP", "IPC", "MOUNT", "PID", "TIME", "USER", "UTSNAME"]],
        ),
        (("lxc-attach", "-s", "'NETWORK|PID|U"), ["'NETWORK|PID|USER", "'NETWORK|PID|UTSNAME"]),
        (("lxc-attach", "-s", '"PID|P'), []),
        (("lxc-attach", "-s", "TIM|T"), ["TIM|TIME"]),
        (("lxc-ls", "-g", "we"), ["web"]),
        (("lxc-ls", "-g", "web,"), ["web,db"]),
        (("lxc-config", "lxc.lxc"), ["lxc.lxcpath"]),
        (("lxc-create", "-t", "busy"), ["busybox"]),
        (("lxc-create", "-t", "no"), ["none"]),
        (("lxc-ls", "-P", "su"), ["sub"]),
        (("lxc-ls", "-o", "s"), ["some.log", "sub"]),
        (("lxc-attach", "-f", "s"), ["some.log", "sub"]),
    ],
)
def test_bash_offers(words: tuple[str, ...], expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "some.log").touch()
    assert sorted(completed(*words, directory=tmp_path)) == expected


HOSTILE = "$(touch run)\nmy own\n`touch run`\nmine;ls\n*\n"


@pytest.mark.command("bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("lxc-info", ""), ["\\$\\(touch\\ run\\)", "my\\ own", "\\`touch\\ run\\`", "mine\\;ls", "\\*"]),
        (("lxc-info", "-n", "my"), ["my\\ own"]),
        (("lxc-info", "-n", "my\\ o"), ["my\\ own"]),
        (("lxc-monitor", "-n", "\\$"), ["\\$\\(touch\\ run\\)"]),
        (("lxc-ls", "-g", "min"), ["mine\\;ls"]),
        (("lxc-ls", "-g", "web,$"), ["web,\\$\\(touchrun\\)"]),
    ],
)
def test_bash_quotes_what_others_have_named_and_never_runs_it(
    words: tuple[str, ...], expected: list[str], tmp_path: Path
) -> None:
    """Who owns a container path names what is in it, and the groups."""
    (tmp_path / "lxc-ls").write_text(f"#!/bin/sh\ncat <<'END'\nGROUPS\n{HOSTILE}END\n")
    (tmp_path / "lxc-ls").chmod(0o755)
    offered = [line for line in offers(words, tmp_path).splitlines() if line != "GROUPS"]
    assert offered == expected
    assert os.listdir(tmp_path) == ["lxc-ls"]


@pytest.mark.command("fish")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lxc-info al", ["alpha"]),
        ("lxc-info -P /else ", ["other"]),
        ("lxc-info --lxcpath=/else -n ", ["other"]),
        ("lxc-ls -g ", ["db", "web"]),
        ("lxc-ls -g web,d", ["web,db"]),
        ("lxc-create -t busy", ["busybox"]),
        ("lxc-cgroup ", ["run"]),
        ("lxc-cgroup run pids.", ["pids.current", "pids.max"]),
        ("lxc-cgroup -n run c", ["cpu.max"]),
        ("lxc-cgroup -P /else run c", ["cpu.max"]),
        ("lxc-cgroup run pids.max p", []),
    ],
)
def test_fish_offers(line: str, expected: list[str], tmp_path: Path) -> None:
    completed("lxc-info", directory=tmp_path)  # makes the lxc-ls
    tool = line.split()[0]
    script = f"source {ROOT}/completions/fish/{tool}.fish; complete -C '{line}'"
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(["fish", "-c", script], capture_output=True, text=True, env=environment)
    assert (sorted(word.split("\t")[0] for word in done.stdout.splitlines()), done.stderr) == (expected, "")
