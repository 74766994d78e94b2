"""native/libc, where that is what the programs are linked with: what differs if one does it oneself."""

import platform
import subprocess
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest
from tests.conftest import until

import lxc

PROGRAMS = [Path(lxc.__file__).parent / "libexec" / name for name in ("lxc-init", "lxc-client")]
pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="it is the system's libc here")


def run(init: str, command: str, **environment: str) -> tuple[int, str]:
    """`lxc-init -- COMMAND` below another init: its exit code, and what both have said."""
    done = subprocess.run(
        [init, "--", command, "word"], env=environment, stdin=DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.returncode, done.stdout.decode()


@pytest.fixture
def places(tmp_path: Path) -> str:
    """A search path in which it is missing, not executable, and a text without an interpreter, in this order."""
    denied, allowed = tmp_path / "denied", tmp_path / "allowed"
    for place, mode in ((denied, 0o644), (allowed, 0o755)):
        place.mkdir()
        (place / "greet").write_text('echo "$0 $*, ${PATH#*:}"\n')
        (place / "greet").chmod(mode)
    return f"/nowhere:{denied}:{allowed}"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_there_is_nothing_to_relocate(program: Path) -> None:
    done = subprocess.run(["readelf", "-rW", program], capture_output=True, text=True, check=True)
    assert "There are no relocations in this file." in done.stdout


def test_a_command_is_looked_for_and_a_text_is_the_shells(init: str, places: str) -> None:
    allowed = places.split(":")[-1]
    assert run(init, "greet", PATH=places) == (0, f"{allowed}/greet word, {places.split(':', 1)[1]}\n")


def test_a_command_that_was_found_but_is_none_is_denied(init: str, places: str) -> None:
    denied = places.rpartition(":")[0]
    assert run(init, "greet", PATH=denied) == (255, "lxc-init: cannot run greet: Permission denied\n")


def test_the_directory_of_an_empty_word_is_the_present_one(
    init: str, places: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(places.split(":")[-1])
    assert run(init, "greet", PATH="/nowhere:") == (0, "greet word, \n")


def test_without_a_path_there_are_two_directories(init: str) -> None:
    assert run(init, "true") == (0, "")
    assert run(init, "no-such-command") == (255, "lxc-init: cannot run no-such-command: No such file or directory\n")


@pytest.mark.parametrize("number", [32, 33])
def test_a_signal_that_a_c_library_keeps_for_itself_is_not_passed_on(init: str, number: int) -> None:
    with subprocess.Popen([init, "--", "sh", "-c", "read _"], stdin=PIPE) as process:
        until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "init\n", "it has given itself a name")
        process.send_signal(number)
        assert process.wait(10) == -number
