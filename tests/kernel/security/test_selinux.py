"""SELinux on a host that has it, enforcing tests/vm/selinux.cil: who has which context, and what is denied to it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.conftest import CONFIG, MAPPED, Lxc, until

pytestmark = [pytest.mark.root, pytest.mark.selinux]

HOST, CONTAINER, OTHER, SECRET, KEY = (f"u:r:{kind}_t" for kind in ("host", "container", "other", "secret", "key"))
SET = f"lxc.selinux.context = {CONTAINER}\n"


def make(lxc: Lxc, more: str) -> str:
    """A container with a file /secret, which is denied to containers."""
    name = lxc.create(config=f"{CONFIG}{more}")
    secret = lxc.rootfs(name) / "secret"
    secret.write_text("secret\n")
    os.setxattr(secret, "security.selinux", SECRET.encode())
    return name


def context(pid: int | str) -> str:
    return Path(f"/proc/{pid}/attr/current").read_text().strip("\0\n")


def contexts_in(lxc: Lxc, name: str) -> set[str]:
    return set(lxc.sh(name, "for p in /proc/[0-9]*; do cat $p/attr/current; echo; done").replace("\0", "").split())


def test_init_its_children_hooks_and_what_is_attached_have_the_context_and_are_denied_what_it_is(lxc: Lxc) -> None:
    name = make(lxc, f"{SET}lxc.hook.start = sh -c 'cat /proc/self/attr/current /secret > /seen 2>&1; true' #\n")
    lxc.start(name)
    assert context(lxc.init_pid(name)) == CONTAINER
    until(lambda: len(lxc.sh(name, "ls -d /proc/[0-9]*").split()) > 3, "init has children")
    assert contexts_in(lxc, name) == {CONTAINER}
    seen = (lxc.rootfs(name) / "seen").read_text()
    assert CONTAINER in seen
    assert "Permission denied" in seen
    assert "Permission denied" in lxc.sh(name, "cat /secret")
    assert context("self") == HOST
    assert (lxc.rootfs(name) / "secret").read_text() == "secret\n"  # as the policy has it for the host


def test_what_is_attached_can_have_another_context_or_the_callers(lxc: Lxc) -> None:
    name = make(lxc, SET)
    lxc.start(name)
    show = "cat /proc/self/attr/current"
    assert lxc.sh(name, show).strip("\0") == CONTAINER
    assert lxc.sh(name, show, "--context", OTHER).strip("\0") == OTHER
    assert lxc.sh(name, f"{show}; cat /secret", "--elevated-privileges=LSM").replace("\0", "") == f"{HOST}secret"
    done = lxc.run("lxc-attach", "-n", name, "--context", "u:r:nobody_t", "--", "true")
    assert done.returncode != 0
    assert "cannot take the SELinux context u:r:nobody_t: Invalid argument" in done.stderr


def test_what_a_python_function_starts_has_the_context(lxc: Lxc) -> None:
    name = make(lxc, SET)
    lxc.start(name)
    program = (
        "import lxc, os, subprocess, sys; box = lxc.Container(sys.argv[1], sys.argv[2]);"
        "status = box.attach_wait(lambda: subprocess.call(['cat', '/proc/self/attr/current', '/secret']));"
        "sys.exit(os.waitstatus_to_exitcode(status))"
    )
    done = subprocess.run([lxc.bin / "python", "-c", program, name, lxc.path], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip("\0")) == (1, CONTAINER)
    assert "Permission denied" in done.stderr


def test_without_a_setting_a_container_has_its_starters_context(lxc: Lxc) -> None:
    name = make(lxc, "")
    lxc.start(name)
    assert context(lxc.init_pid(name)) == HOST
    assert lxc.sh(name, "cat /secret") == "secret"


@pytest.mark.parametrize(
    "more", ["lxc.no_new_privs = 1\n", "lxc.cap.drop = sys_admin\nlxc.init.uid = 12\n", "lxc.x-landlock = all /\n"]
)
def test_the_context_goes_together_with_what_else_confines(lxc: Lxc, more: str) -> None:
    name = make(lxc, f"{SET}{more}lxc.init.cmd = /bin/sleep 600\n")
    lxc.start(name)
    assert context(lxc.init_pid(name)) == CONTAINER
    assert "Permission denied" in lxc.sh(name, "cat /secret")


def test_a_mapped_container_is_confined_too(lxc: Lxc) -> None:
    name = make(lxc, f"{SET}lxc.hook.start = sh -c 'cat /secret > /tmp/seen 2>&1; true' #\n")
    lxc.extend(name, MAPPED)
    subprocess.run(["chown", "-R", "100000:100000", lxc.rootfs(name)], check=True)
    lxc.start(name)
    assert context(lxc.init_pid(name)) == CONTAINER
    assert "Permission denied" in lxc.sh(name, "cat /secret")


def test_lxc_init_that_stays_as_the_first_process_has_the_context_where_the_policy_lets_it(lxc: Lxc) -> None:
    name = make(lxc, f"lxc.selinux.context = {OTHER}\n")
    shown = lxc.ok("lxc-execute", "-n", name, "--", "cat", "/proc/1/attr/current", "/proc/self/attr/current")
    assert shown.replace("\0", "") == OTHER * 2
    done = lxc.run("lxc-execute", "-n", name, "-s", f"lxc.selinux.context={CONTAINER}", "--", "true")
    assert done.returncode != 0
    assert "allow nosuid_transition" in done.stderr


def test_the_containers_proc_is_not_believed(lxc: Lxc) -> None:
    """CVE-2015-1334: the label was written to whatever the container had at /proc."""
    name = make(lxc, SET)
    config = lxc.config(name)
    lines = [line for line in config.read_text().splitlines() if "lxc.mount.auto" not in line]
    trap = lxc.path / "trap"
    for place in ("self/attr", "thread-self/attr", "1/attr"):
        (trap / place).mkdir(parents=True, exist_ok=True)
        for file in ("exec", "current"):
            (trap / place / file).write_text("")
    config.write_text("\n".join([*lines, f"lxc.mount.entry = {trap} proc none bind\n"]))
    lxc.start(name)
    assert context(lxc.init_pid(name)) == CONTAINER
    assert "Permission denied" in lxc.sh(name, "cat /secret")
    assert [file for file in trap.rglob("*") if file.is_file() and file.read_text()] == []


@pytest.mark.parametrize("key", ["lxc.selinux.context", "lxc.selinux.context.keyring"])
def test_a_context_that_the_policy_does_not_know_fails_the_start_and_is_named_with_its_line(lxc: Lxc, key: str) -> None:
    name = make(lxc, f"{key} = u:r:nobody_t\n")
    done = lxc.run("lxc-start", "-n", name)
    number = 1 + next(n for n, line in enumerate(lxc.config(name).read_text().splitlines()) if line.startswith(key))
    assert done.returncode == 1
    assert "SELinux context u:r:nobody_t: Invalid argument" in done.stderr
    assert f"{lxc.config(name)}:{number}" in done.stderr
    assert "the policy that is loaded does not know it" in done.stderr
    assert lxc.leftovers() == []


def test_what_may_not_be_entered_is_told_so(lxc: Lxc) -> None:
    """No program but its own kind may have the context of files."""
    name = make(lxc, f"lxc.selinux.context = {SECRET}\n")
    done = lxc.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "/sbin/init" in done.stderr
    assert SECRET in done.stderr


@pytest.mark.parametrize(
    ("more", "expected"), [(SET, CONTAINER), (f"{SET}lxc.selinux.context.keyring = {KEY}\n", KEY), ("", HOST)]
)
def test_the_session_keyring_has_its_own_context_or_the_containers(lxc: Lxc, more: str, expected: str) -> None:
    get_security = "import ctypes; b = ctypes.create_string_buffer(99); ctypes.CDLL(None).syscall(250, 17, -3, b, 99)"
    (lxc.path / "show.py").write_text(f"{get_security}; print(b.value.decode())")
    name = make(lxc, f"{more}lxc.hook.pre-mount = python3 {lxc.path}/show.py > {lxc.path}/seen #\n")
    lxc.start(name)
    assert (lxc.path / "seen").read_text().strip() == expected
