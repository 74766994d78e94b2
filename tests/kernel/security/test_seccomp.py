"""What a container's processes may ask of the kernel: about forty system calls are made in there, also beside Debian's LXC."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc, until

from lxc.kernel import libseccomp

LIBRARY = libseccomp.Library()
NAMES = [name for number in range(600) if (name := LIBRARY.name(LIBRARY.native, number))]
COMMON = "/usr/share/lxc/config/common.seccomp"
POLICIES = {
    "common": Path(COMMON).read_text(),
    "kill": "2\nblacklist\nkeyctl\nbpf kill\nptrace trap\nflock errno 18\n",
    "arguments": "2\ndenylist\npersonality errno 18 [0,8,SCMP_CMP_EQ]\nmknod errno 18\n"
    "umount2 errno 18 [1,0,SCMP_CMP_MASKED_EQ,1]\n",
    "sections": "2\ndenylist\n[x86_64]\nfsync errno 18\n[arm]\nftruncate errno 18\n[all]\nfchdir errno 0\nno_such errno 1\n",
    # i386 has no such calls, or has them as a part of another.
    "elsewhere": "2\ndenylist\nkexec_file_load errno 18\nnewfstatat errno 18\n"
    "socket errno 18 [0,0xffffffffffffffff,SCMP_CMP_EQ]\n",
    "all": "2\nallowlist errno 18\nsocket allow [0,1,SCMP_CMP_EQ]\n"
    + "".join(f"{name} allow\n" for name in NAMES if name != "socket"),
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("probe") / "probe"
    subprocess.run(["gcc", "-O1", "-static", "-o", built, Path(__file__).parent / "probe.c"], check=True)
    return built


def make(lxc: Lxc, program: Path, policy: str, more: str = "") -> str:
    file = lxc.path / "policy"
    file.write_text(policy)
    name = lxc.create(config=f"{CONFIG}lxc.seccomp.profile = {file}\n{more}")
    (lxc.rootfs(name) / "probe").write_bytes(program.read_bytes())
    (lxc.rootfs(name) / "probe").chmod(0o755)
    return name


def outcomes(text: str) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in text.splitlines())


@pytest.mark.root
@pytest.mark.parametrize(("kind", "expected"), [
    ("common", {"kexec_load": "errno 1", "open_by_handle_at": "errno 1", "finit_module": "errno 1",
                "umount2-force": "errno 13", "umount2-plain": "errno 2", "getppid": "ok"}),
    ("kill", {"keyctl": "signal 31", "bpf": "signal 31", "ptrace": "signal 31", "flock": "errno 18", "getppid": "ok"}),
    ("arguments", {"personality-8": "errno 18", "personality-0": "ok", "mknod": "errno 18", "i386-mknod": "errno 18",
                   "umount2-plain": "errno 18", "umount2-force": "errno 2"}),
    ("sections", {"fsync": "errno 18", "ftruncate": "errno 22", "fchdir": "ok"}),
    ("elsewhere", {"kexec_file_load": "errno 18", "newfstatat": "errno 18", "socket": "errno 18", "i386-socket": "errno 22"}),
    ("all", {"newfstatat": "errno 22", "socket": "errno 18", "i386-socket": "errno 18",
             "i386-mknod": "errno 22", "getppid": "ok"}),
])  # fmt: skip
def test_calls_are_answered_as_the_policy_says(lxc: Lxc, program: Path, kind: str, expected: dict[str, str]) -> None:
    name = make(lxc, program, POLICIES[kind])
    lxc.start(name)
    found = outcomes(lxc.attach(name, "/probe"))
    assert {call: found[call] for call in expected} == expected
    assert lxc.attach(name, "grep", "Seccomp:", "/proc/1/status", "/proc/self/status").split()[1::2] == ["2", "2"]


@pytest.mark.root
def test_what_is_attached_without_label_is_without_filter(lxc: Lxc, program: Path) -> None:
    name = make(lxc, program, POLICIES["kill"])
    lxc.start(name)
    status = lxc.ok(
        "lxc-attach", "-n", name, "--elevated-privileges=LSM", "--", "grep", "Seccomp:", "/proc/self/status"
    )
    assert status.split() == ["Seccomp:", "0"]


@pytest.mark.root
def test_a_start_hook_is_filtered_too(lxc: Lxc, program: Path) -> None:
    name = make(lxc, program, POLICIES["kill"], "lxc.hook.start = grep Seccomp: /proc/self/status > /seen #\n")
    lxc.start(name)
    assert (lxc.rootfs(name) / "seen").read_text().split() == ["Seccomp:", "2"]


@pytest.mark.root
def test_a_mistake_in_a_policy_is_told_and_nothing_is_started(lxc: Lxc, program: Path) -> None:
    name = make(lxc, program, "2\ndenylist\nmknod wrong\n")
    done = lxc.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert f"{lxc.path}/policy:3: expected kill, errno NUMBER, allow, trap or notify; got 'wrong'" in done.stderr
    assert lxc.state(name) == "STOPPED"


@pytest.mark.root
def test_the_dry_run_shows_the_filter(lxc: Lxc, program: Path) -> None:
    name = make(lxc, program, POLICIES["kill"])
    assert f"filter system calls as {lxc.path}/policy says # 4 rules" in lxc.ok("lxc-start", "-n", name, "--dry-run")


@pytest.mark.root
@pytest.mark.parity
@pytest.mark.parametrize("kind", POLICIES)
def test_debians_lxc_answers_the_same_calls_in_the_same_way(lxc: Lxc, program: Path, kind: str) -> None:
    name = make(lxc, program, POLICIES[kind], "lxc.init.cmd = /script\n")
    script = lxc.rootfs(name) / "script"
    script.write_text("#!/bin/sh\n/probe > /seen\n> /done\nexec sleep 600\n")
    script.chmod(0o755)
    seen = []
    for peer in (False, True):
        lxc.ok("lxc-start", "-n", name, peer=peer)
        until((lxc.rootfs(name) / "done").exists, "all calls are made")
        seen.append(outcomes((lxc.rootfs(name) / "seen").read_text()))
        lxc.ok("lxc-stop", "-n", name, "-k", peer=peer)
        (lxc.rootfs(name) / "done").unlink()
    assert len(seen[0]) > 40
    assert seen[0] == seen[1]


@pytest.mark.root
def test_a_starter_of_another_personality_makes_the_same_filter(lxc: Lxc, program: Path) -> None:
    name = make(lxc, program, POLICIES["sections"])
    subprocess.run(["setarch", "linux32", *lxc.command("lxc-start", "-n", name)], check=True, timeout=60)
    assert outcomes(lxc.attach(name, "/probe"))["fsync"] == "errno 18"


@pytest.mark.root
@pytest.mark.parametrize(("setting", "filters"), [("0", "1"), ("1", "2")])
def test_below_another_filter_one_is_loaded_only_if_that_is_allowed(
    lxc: Lxc, program: Path, setting: str, filters: str
) -> None:
    name = make(lxc, program, POLICIES["kill"], f"lxc.seccomp.allow_nesting = {setting}\n")
    code = (  # BPF_RET | BPF_K, SECCOMP_RET_ALLOW
        "import os, sys; from lxc.kernel import seccomp; "
        "seccomp.set_mode_filter(bytes.fromhex('060000000000ff7f')); os.execv(sys.argv[1], sys.argv[1:])"
    )
    python = Path(lxc.bin) / "python"
    subprocess.run([python, "-c", code, *lxc.command("lxc-start", "-n", name)], check=True, timeout=60)
    assert lxc.attach(name, "grep", "Seccomp_filters:", "/proc/1/status").split()[1] == filters
