"""Policies as programs, and what becomes of those that are kept."""

import os
import resource
import signal
from pathlib import Path

import pytest
from tests.conftest import forked

import lxc
import lxc.errors
from lxc.errors import ConfigError, StepError
from lxc.kernel import libseccomp, process
from lxc.security import kept
from lxc.security.seccomp import compiler, policy

COMMON = Path(lxc.__file__).parent / "share/config/common.seccomp"


def size(tmp_path: Path, text: str) -> int:
    policy = tmp_path / "policy"
    policy.write_text(text)
    return len(compiler.load(str(policy), "", str(tmp_path / "cache")).code) // 16


def test_the_shipped_policy_compiles(tmp_path: Path) -> None:
    found = compiler.load(str(COMMON), "config:1", str(tmp_path / "cache"))
    assert found.rules == 6
    assert str(found) == f"filter system calls as {COMMON} says # 6 rules, {len(found.code) // 16} instructions"


def test_a_rule_makes_the_program_longer_and_an_unknown_call_does_not(tmp_path: Path) -> None:
    least = size(tmp_path, "2\ndenylist\n")
    assert size(tmp_path, "2\ndenylist\nno_such_call errno 1\n") == least
    assert size(tmp_path, "2\ndenylist\nmknod errno 1\n") > least


@pytest.mark.parametrize("comparison", ["", " [0,38,SCMP_CMP_EQ]"])
def test_each_system_call_can_have_a_rule_if_it_is_one_here(comparison: str) -> None:
    library = libseccomp.Library()
    names = [name for number in range(-10300, 600) if (name := library.name(library.native, number))]
    assert len(names) > 300
    least = len(compiler.program(policy.parse("2\ndenylist\n", "policy", process.machine()), library))
    for name in names:
        program = compiler.program(
            policy.parse(f"2\ndenylist\n{name} errno 1{comparison}\n", "p", process.machine()), library
        )
        assert len(program) > least or library.number(library.native, name) < 0, name


@pytest.mark.parametrize("text", ["2\nallowlist\nread\n", "2\ndenylist\nexecveat errno 1\n", "1\nallowlist\n0\n1\n"])
def test_what_containers_are_entered_with_must_be_allowed(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="execveat must be allowed"):
        size(tmp_path, text)


def test_a_policy_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"cannot read lxc\.seccomp\.profile /gone: No such file") as caught:
        compiler.load("/gone", "config:3", str(tmp_path))
    assert caught.value.where == "config:3"


def test_a_missing_library_is_told_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libseccomp, "LIBRARY", "libno-such.so.2")
    with pytest.raises(lxc.errors.Unsupported) as caught:
        size(tmp_path, "2\ndenylist\n")
    assert "libseccomp2" in caught.value.hint


def test_what_was_loaded_is_known_until_the_file_says_something_else(tmp_path: Path) -> None:
    policy, cache = tmp_path / "policy", str(tmp_path / "cache")
    policy.write_text("2\ndenylist\nmknod errno 1\n")
    first = compiler.load(str(policy), "config:1", cache)
    assert compiler.load(str(policy), "config:7", cache) == first.replace(where="config:7")
    policy.write_text("2\ndenylist\nmknod errno 2\n")
    assert compiler.load(str(policy), "config:1", cache).code != first.code
    assert [compiler.load(str(policy), "", cache).rules for _ in range(20)] == [1] * 20


def test_a_program_is_kept(tmp_path: Path) -> None:
    directory = str(tmp_path / "a/cache")
    assert kept.find(b"key", directory, 64) == b""
    kept.keep(b"key", b"12345678", directory)
    assert kept.find(b"key", directory, 64) == b"12345678"
    assert kept.find(b"other", directory, 64) == b""
    assert kept.find(b"key", directory, 8) == b"12345678"
    assert kept.find(b"key", directory, 7) == b""
    assert [oct(path.stat().st_mode & 0o777) for path in Path(directory).iterdir()] == ["0o600"]


@pytest.mark.parametrize("damage", ["mode", "length", "bit", "link", "directory mode", "directory link"])
def test_what_is_odd_about_a_kept_program_makes_it_not_be_there(tmp_path: Path, damage: str) -> None:
    directory = tmp_path / "cache"
    kept.keep(b"key", b"12345678", str(directory))
    (entry,) = directory.iterdir()
    if damage == "mode":
        entry.chmod(0o640)
    elif damage == "length":
        entry.write_bytes(entry.read_bytes()[:-1])
    elif damage == "bit":
        entry.write_bytes(entry.read_bytes()[:-1] + b"9")
    elif damage == "link":
        entry.rename(tmp_path / "moved")
        entry.symlink_to(tmp_path / "moved")
    elif damage == "directory mode":
        directory.chmod(0o755)
    else:
        directory.rename(tmp_path / "moved")
        os.symlink(tmp_path / "moved", directory)
    assert kept.find(b"key", str(directory), 64) == b""


@pytest.mark.root
@pytest.mark.parametrize("whose", ["entry", "directory"])
def test_what_somebody_else_may_have_written_is_not_there(tmp_path: Path, whose: str) -> None:
    directory = tmp_path / "cache"
    kept.keep(b"key", b"12345678", str(directory))
    os.chown(directory if whose == "directory" else next(directory.iterdir()), 65534, 65534)
    before = os.listdir("/proc/self/fd")
    assert kept.find(b"key", str(directory), 64) == b""
    assert os.listdir("/proc/self/fd") == before


def test_what_there_is_no_room_for_leaves_nothing(tmp_path: Path) -> None:
    def work() -> list[str]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (35, 35))  # its checksum and three bytes
        kept.keep(b"key", b"12345678", str(tmp_path / "cache"))
        return os.listdir(tmp_path / "cache")

    assert forked(work) == []
