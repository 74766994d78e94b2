"""Commands as functions: what they print on which descriptor, and the exit code."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from lxc import cli, log
from lxc.cli import main
from lxc.cli.options import Arguments, Command, text
from lxc.errors import ConfigError, LxcError, NotRunning, StepError

SRC = Path(__file__).parents[3] / "src"


class TryArguments(Arguments):
    fail = text("fail", "f", "HOW", "Fail.")


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, BaseException]]:
    """A command lxc-try whose -f NAME raises what the test puts into this dictionary as NAME."""
    errors: dict[str, BaseException] = {}
    program = ModuleType("lxc.cli.try")
    program.COMMAND = Command("lxc-try", TryArguments, "Tries.")  # type: ignore[attr-defined]

    def run(arguments: TryArguments) -> int:
        if arguments.fail:
            raise errors[arguments.fail]
        return 7

    program.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lxc.cli.try", program)
    monkeypatch.setattr(cli, "TOOLS", (*cli.TOOLS, "lxc-try"))
    yield errors
    log.open("lxc")


def test_the_exit_code_is_the_commands(failures: dict[str, BaseException]) -> None:
    assert main("lxc-try", ["me"]) == 7


def test_an_interruption_while_a_class_is_made_is_one(
    failures: dict[str, BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    failures["it"] = error = RuntimeError("Error calling __set_name__")
    error.__cause__ = KeyboardInterrupt()
    assert main("lxc-try", ["me", "-f", "it"]) == 130
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "shown", "status"),
    [
        (LxcError("no luck"), "lxc-try: me: no luck\n", 1),
        (LxcError("no luck", where="f:3", hint="try harder"), "lxc-try: me: no luck\n  set in f:3\n  try harder\n", 1),
        (ConfigError("f:1: bad", "f:2: worse"), "lxc-try: me: f:1: bad\nf:2: worse\n", 1),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/x"),
            "lxc-try: me: /x: No such file or directory\n",
            1,
        ),
        (OSError(errno.EPERM, "Operation not permitted"), "lxc-try: me: Operation not permitted\n", 1),
        (OSError("odd"), "lxc-try: me: odd\n", 1),
        (
            OSError(errno.EMFILE, "Too many open files", "/proc"),
            "lxc-try: me: /proc: Too many open files\n  it needs more open files: raise the limit (ulimit -n)\n",
            1,
        ),
        (
            StepError("make it", OSError(errno.EMFILE, "Too many open files"), where="f:3"),
            "lxc-try: me: cannot make it: Too many open files\n  set in f:3\n  it needs more open files: raise the limit (ulimit -n)\n",
            1,
        ),
        (
            StepError("make it", OSError(errno.EMFILE, "Too many open files"), hint="try harder"),
            "lxc-try: me: cannot make it: Too many open files\n  try harder\n",
            1,
        ),
        (
            StepError("fork", BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")),
            "lxc-try: me: cannot fork: Resource temporarily unavailable\n"
            "  no more processes may run, or there is no memory for one: raise the limit (ulimit -u, ulimit -v), "
            "or pids.max of the control group\n",
            1,
        ),
        (BlockingIOError(errno.EAGAIN, "it moved"), "lxc-try: me: it moved\n", 1),
        (KeyboardInterrupt(), "", 130),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "", 141),
    ],
)
def test_an_error_is_told_once_and_in_words(
    error: BaseException, shown: str, status: int, failures: dict[str, BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    failures["it"] = error
    assert main("lxc-try", ["me", "-f", "it"]) == status
    assert capfd.readouterr() == ("", shown)


def test_an_error_may_have_an_exit_code_of_its_own(failures: dict[str, BaseException]) -> None:
    error = failures["it"] = NotRunning("me is not running")
    error.exit_status = 2
    assert main("lxc-try", ["me", "-f", "it"]) == 2


def test_quiet_is_quiet(failures: dict[str, BaseException], capfd: pytest.CaptureFixture[str]) -> None:
    failures["it"] = LxcError("no luck")
    assert main("lxc-try", ["me", "-qf", "it"]) == 1
    assert capfd.readouterr() == ("", "")


def test_too_little_memory_is_told_in_words(
    failures: dict[str, BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    failures["it"] = MemoryError()
    assert main("lxc-try", ["me", "-f", "it"]) == 1
    assert capfd.readouterr().err.startswith("lxc-try: me: out of memory\n  it needs more: ")


def test_what_is_no_error_of_the_users_is_not_hidden(failures: dict[str, BaseException]) -> None:
    failures["it"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        main("lxc-try", ["me", "-f", "it"])


def test_a_wrong_command_line_is_explained(
    failures: dict[str, BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("lxc-try", ["-l", "loud", "me"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("lxc-try: -l, --logpriority: expected a log level")
    assert err.endswith("\nlxc-try: could not parse command line\n")


@pytest.mark.parametrize("name", ["a/b", "..", "", "a\nb"])
def test_a_name_that_no_container_can_have_is_refused(
    name: str, failures: dict[str, BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("lxc-try", ["-n", name, "-P", "/tmp"]) == 1
    assert "could not parse command line" in capfd.readouterr().err


def test_the_version_is_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-wait", ["--version"]) == 0
    assert capfd.readouterr() == ("7.0.0\n", "")


def test_help_is_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-wait", ["--help"]) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Usage: lxc-wait ")


def test_an_unknown_command_says_which_there_are(capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-options", []) == 1
    assert "lxc-wait" in capfd.readouterr().err


def test_a_log_file_gets_the_messages_asked_for(failures: dict[str, BaseException], tmp_path: Path) -> None:
    file = tmp_path / "new" / "log"
    main("lxc-try", ["me", "-o", str(file), "-l", "info"])
    log.info("yes")
    log.debug("no")
    log.open("lxc")
    assert [line.split(" - ")[-1] for line in file.read_text().splitlines()] == ["yes"]
    assert file.read_text().startswith("lxc-try me 2")


def test_a_level_without_a_file_means_the_containers_own_log(
    failures: dict[str, BaseException], tmp_path: Path
) -> None:
    (tmp_path / "me").mkdir()
    main("lxc-try", ["me", "-P", str(tmp_path), "-l", "info"])
    log.info("yes")
    log.open("lxc")
    assert "yes" in (tmp_path / "me" / "me.log").read_text()


def test_no_log_file_is_made_unasked(failures: dict[str, BaseException], tmp_path: Path) -> None:
    for words in (["me"], ["me", "-o", "none", "-l", "trace"]):
        main("lxc-try", [*words, "-P", str(tmp_path)])
        log.error("nobody reads this")
    assert not list(tmp_path.iterdir())


def test_a_log_file_that_cannot_be_opened_is_an_error(
    failures: dict[str, BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("lxc-try", ["me", "-o", "/dev/null/log"]) == 1
    assert capfd.readouterr().err == "lxc-try: me: cannot open the log file /dev/null/log: Not a directory\n"


def test_a_configuration_file_that_is_not_there_is_an_error(
    failures: dict[str, BaseException], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main("lxc-try", ["me", "-P", str(tmp_path), "--rcfile", f"{tmp_path}/nope"]) == 1
    assert f"{tmp_path}/nope" in capfd.readouterr().err


def entry(name: str, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command that is called `name` as the installed scripts do."""
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.argv[0:2] = [sys.argv[1]]; from lxc.cli import entry; entry()"
    argv = [sys.executable, "-IS", "-c", code, str(SRC), name, *words]
    defaults: dict[str, object] = {"capture_output": True, "text": True, "check": False, "timeout": 60}
    return subprocess.run(argv, **defaults | options)  # type: ignore[call-overload,no-any-return]


def test_the_name_it_is_called_by_says_which_command_it_is(tmp_path: Path) -> None:
    done = entry("/usr/bin/lxc-wait", "-P", str(tmp_path), "-n", "me", "-s", "STOPPED")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = entry("lxc-config", "-l", stdout=writer, stderr=subprocess.PIPE, capture_output=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_names_need_not_be_text(tmp_path: Path) -> None:
    directory = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(directory)
    Path(os.fsdecode(directory), "config").touch()
    done = entry("lxc-ls", "-1", "-P", str(tmp_path), text=False)
    assert done.stdout == b"caf\xe9\n"  # type: ignore[comparison-overlap]  # bytes, for once


def test_an_output_that_takes_nothing_is_named() -> None:
    with open("/dev/full", "wb") as full:
        done = entry("lxc-config", "-l", stdout=full, stderr=subprocess.PIPE, capture_output=False)
        told_nobody = entry("lxc-config", "-l", stdout=full, stderr=full, capture_output=False)
    assert (done.returncode, done.stderr.splitlines()) == (
        1, ["lxc-config: standard output: No space left on device", "  the disk is full: free some space"]
    )  # fmt: skip
    assert told_nobody.returncode == 1


def test_a_closed_output_is_still_closed_to_the_command() -> None:
    done = entry("lxc-config", "-l", stdout=None, stderr=subprocess.PIPE, capture_output=False, preexec_fn=close_output)
    assert (done.returncode, done.stderr) == (1, "lxc-config: standard output: Bad file descriptor\n")


def close_output() -> None:
    os.close(1)


def test_a_relative_path_from_a_directory_that_is_gone_is_refused(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = entry("lxc-wait", "-P", "here", "-n", "me", "-s", "STOPPED", cwd=gone, preexec_fn=gone.rmdir)
    assert done.returncode == 1
    assert done.stderr == (
        "lxc-wait: the container path 'here' is relative, and the working directory is gone\n"
        "lxc-wait: could not parse command line\n"
    )


def test_a_time_that_is_no_number_is_refused(tmp_path: Path) -> None:
    done = entry("lxc-wait", "-P", str(tmp_path), "-n", "me", "-s", "STOPPED", "-t", "nan")
    assert done.returncode == 1
    assert done.stderr.startswith("lxc-wait: -t, --timeout: expected a number of seconds, got 'nan'\n")


SUPERFLUOUS = [
    f"lxc-{name} web db"
    for name in ("console", "destroy", "freeze", "info", "stop", "unfreeze", "checkpoint -D /nonexistent", "wait -s STOPPED -t 0")
]  # fmt: skip
SUPERFLUOUS += ["lxc-autostart db", "lxc-checkconfig db", "lxc-monitor db", "lxc-top db", "lxc-update-config db"]
SUPERFLUOUS += ["lxc-ls web db", "lxc-ls --filter web db", "lxc-config -l db", "lxc-config lxc.lxcpath db"]
SUPERFLUOUS += ["lxc-create -t none web db", "lxc-create -t none web -- db", "lxc-info -n web db"]


@pytest.mark.parametrize("line", SUPERFLUOUS)
def test_a_word_that_means_nothing_is_refused_before_anything_is_done(
    line: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tool, *words = line.split()
    (tmp_path / "web").mkdir()
    (tmp_path / "web/config").write_text("lxc.uts.name = web\n")
    where = [] if tool in ("lxc-config", "lxc-checkconfig", "lxc-update-config") else ["-P", str(tmp_path)]
    assert main(tool, [*where, *words]) == 1
    assert "'db': expected no more words" in capfd.readouterr().err
    assert (tmp_path / "web/config").exists()
