"""AppArmor on a host that has it: what a profile denies is denied, by whichever way the label was to be evaded."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import CONFIG, MAPPED, Lxc
from tests.services.test_services import SERVICES

pytestmark = [pytest.mark.root, pytest.mark.apparmor]

POLICY = Path("/sys/kernel/security/apparmor")
PROFILE = """\
profile "NAME" flags=(attach_disconnected,mediate_deleted) {
  capability, network, file, mount, umount, pivot_root, signal, ptrace, unix, dbus,
  deny /denied rwklx,
}
"""

WRONG = (
    "echo h > /proc/sysrq-trigger", "echo 1 > /proc/sys/vm/drop_caches", "cat /proc/kcore | head -c 1",
    "echo x > /proc/sys/kernel/core_pattern", "echo > /sys/power/state", "mkdir -p /mnt && mount -t proc x /mnt",
    "mount -t sysfs x /mnt", "mount --bind /proc /mnt", "mount -o ro,bind /proc /mnt", "mount -t proc -o ro x /sys/fs/cgroup",
    "mount --rbind / /mnt", "mount --bind /sys /mnt", "mount -o bind /dev /mnt",
    "cat /sys/kernel/security/apparmor/profiles", "mount -t securityfs x /mnt",
)  # fmt: skip
RIGHT = (
    "mount -t tmpfs x /mnt && umount /mnt", "mount --bind /tmp /mnt && umount /mnt", "hostname other",
    "echo 7 > /proc/sys/kernel/msgmni", "kill -0 1", "cat /proc/1/status", "echo > /dev/null",
    "cat /proc/meminfo", "ip link set lo up",
)  # fmt: skip


@pytest.fixture
def profile(lxc: Lxc) -> Iterator[str]:
    """A profile that denies /denied and nothing else, loaded; its name."""
    name = f"lxc-test-{lxc.tag}"
    text = PROFILE.replace("NAME", name)
    subprocess.run(["apparmor_parser", "-r", "-K"], input=text, text=True, check=True)
    yield name
    subprocess.run(["apparmor_parser", "-R", "-K"], input=text, text=True, check=True)


def make(lxc: Lxc, more: str, name: str = "box") -> str:
    name = lxc.create(name, f"{CONFIG}{more}")
    (lxc.rootfs(name) / "denied").write_text("secret\n")
    return name


def have_all_writable(lxc: Lxc, name: str) -> None:
    """Have nothing but its profile keep it from writing to the host's files of proc and sysfs."""
    config = lxc.config(name)
    config.write_text(config.read_text().replace("proc:mixed", "proc:rw").replace("sys:ro", "sys:rw"))


def label(pid: int | str) -> str:
    return Path(f"/proc/{pid}/attr/apparmor/current").read_text().strip().rpartition(" (")[0] or "unconfined"


def loaded() -> list[str]:
    return [line.rpartition(" (")[0] for line in (POLICY / "profiles").read_text().splitlines()]


def forbids_what_is_the_hosts(lxc: Lxc, name: str, *more: str) -> None:
    """The container may not do what is WRONG, nor `more`, and may do what is RIGHT."""
    for wrong in (*WRONG, *more):
        assert "ermission denied" in lxc.sh(name, wrong), wrong
    for right in RIGHT:
        assert lxc.sh(name, f"({right}) > /dev/null && echo done") == "done", right


@pytest.fixture
def shipped() -> Iterator[set[str]]:
    """The names of the profiles that lxc-apparmor-load has loaded of those that are shipped; it then loads the host's."""
    with open(__file__) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel has one profile of each name for all who run tests
        load, before = SERVICES.parents[1] / "libexec/lxc-apparmor-load", set(loaded())
        subprocess.run([load, SERVICES / "apparmor"], check=True)
        yield {name for name in loaded() if name.startswith("lxc-container-default")}
        if Path("/etc/apparmor.d/lxc-containers").exists():
            subprocess.run([load], check=True)
        else:
            for name in set(loaded()) - before:
                (POLICY / ".remove").write_text(name)


def test_the_profiles_that_are_shipped_are_loaded_and_deny_what_is_the_hosts(lxc: Lxc, shipped: set[str]) -> None:
    assert shipped == {f"lxc-container-default{kind}" for kind in ("", "-cgns", "-with-mounting", "-with-nesting")}
    for kind in ("", "-cgns", "-with-mounting"):
        name = make(lxc, f"lxc.apparmor.profile = lxc-container-default{kind}\n", f"box{kind}")
        have_all_writable(lxc, name)
        lxc.start(name)
        assert label(lxc.init_pid(name)) == f"lxc-container-default{kind}"
        forbids_what_is_the_hosts(lxc, name)
        cgroups = lxc.sh(name, "umount -l /sys/fs/cgroup; mount -t cgroup2 x /sys/fs/cgroup && echo done")
        assert ("done" in cgroups) == (kind == "-cgns"), cgroups
    # The one for nesting lets it mount, and keeps the originals from it.
    name = make(lxc, "lxc.apparmor.profile = lxc-container-default-with-nesting\n", "nest")
    have_all_writable(lxc, name)
    lxc.start(name)
    assert lxc.sh(name, "mkdir -p /mnt && mount -t proc x /mnt && echo done") == "done"
    assert "ermission denied" in lxc.sh(name, "echo h > /proc/sysrq-trigger")


def test_a_named_profile_confines_init_what_is_attached_and_start_hooks(lxc: Lxc, profile: str) -> None:
    name = make(lxc, f"lxc.apparmor.profile = {profile}\nlxc.hook.start = sh -c 'cat /denied > /seen 2>&1; true' #\n")
    lxc.start(name)
    assert label(lxc.init_pid(name)) == profile
    assert "Permission denied" in (lxc.rootfs(name) / "seen").read_text()
    assert "Permission denied" in lxc.sh(name, "cat /denied")
    assert lxc.sh(name, "cat /proc/self/attr/current") == f"{profile} (enforce)"
    assert lxc.sh(name, "cat /denied", "--elevated-privileges=LSM").endswith(
        "secret"
    )  # unconfined, since that was asked for


def test_what_is_attached_can_have_another_label(lxc: Lxc, profile: str) -> None:
    name = make(lxc, "lxc.apparmor.profile = unconfined\n")
    lxc.start(name)
    assert lxc.sh(name, "cat /denied") == "secret"
    assert "Permission denied" in lxc.sh(name, "cat /denied", "--context", profile)
    done = lxc.run("lxc-attach", "-n", name, "--context", "no-such-profile", "--", "true")
    assert done.returncode != 0
    assert "take the AppArmor label no-such-profile: No such file or directory" in done.stderr


def test_a_false_proc_takes_no_label(lxc: Lxc, profile: str) -> None:
    """CVE-2015-1334: the label was written to whatever the container had at /proc."""
    name = make(lxc, f"lxc.apparmor.profile = {profile}\n")
    config = lxc.config(name)
    lines = [line for line in config.read_text().splitlines() if "lxc.mount.auto" not in line]
    config.write_text("\n".join([*lines, "lxc.mount.entry = tmpfs proc tmpfs mode=755\n"]))
    trap = lxc.path / "trap"
    for place in ("self/attr/apparmor", "self/attr", "thread-self/attr", "1/attr"):
        (trap / place).mkdir(parents=True, exist_ok=True)
        for file in ("exec", "current"):
            (trap / place / file).write_text("")
    lxc.extend(name, f"lxc.mount.entry = {trap} proc none bind")
    lxc.start(name)
    assert label(lxc.init_pid(name)) == profile
    assert "Permission denied" in lxc.sh(name, "cat /denied")
    assert [file for file in trap.rglob("*") if file.is_file() and file.read_text()] == []


def test_a_profile_that_is_not_loaded_fails_the_start_and_is_named(lxc: Lxc) -> None:
    name = make(lxc, "lxc.apparmor.profile = no-such-profile\n")
    done = lxc.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "cannot take the AppArmor label no-such-profile: No such file or directory" in done.stderr


@pytest.mark.parametrize("setting", ["unconfined", "unchanged"])
def test_a_container_can_be_left_unconfined(lxc: Lxc, setting: str) -> None:
    name = make(lxc, f"lxc.apparmor.profile = {setting}\n")
    lxc.start(name)
    assert label(lxc.init_pid(name)) == "unconfined"


def test_without_a_setting_it_is_lxcs_default_profile(lxc: Lxc) -> None:
    name = make(lxc, "")
    lxc.start(name)
    found = label(lxc.init_pid(name))
    if "lxc-container-default-cgns" in loaded():
        assert found == "lxc-container-default-cgns"
    else:
        assert found.startswith(f"lxc-{name}_<{lxc.path}>")


def test_a_generated_profile_denies_what_is_the_hosts(lxc: Lxc) -> None:
    name = make(lxc, "lxc.apparmor.profile = generated\nlxc.apparmor.raw = deny /denied r,\n")
    have_all_writable(lxc, name)
    lxc.start(name)
    assert label(lxc.init_pid(name)).startswith(f"lxc-{name}_<{lxc.path}>")
    forbids_what_is_the_hosts(lxc, name, "cat /denied")
    pid = lxc.init_pid(name)
    lxc.ok("lxc-stop", "-n", name, "-k")
    assert not [line for line in loaded() if name in line]
    assert not [path for path in (POLICY / "policy/namespaces").glob("*") if name in path.name]
    assert not Path(f"/proc/{pid}").exists()


def test_a_generated_profile_is_compiled_once(lxc: Lxc) -> None:
    name = make(lxc, "lxc.apparmor.profile = generated\n")
    directory, compiled = Path("/run/lxc/apparmor"), set()
    for _ in range(2):
        lxc.start(name)
        kept = [file for file in directory.iterdir() if f"lxc-{name}_".encode() in file.read_bytes()]
        compiled.add(tuple((file.name, file.stat().st_ino) for file in kept))
        assert len(kept) == len(compiled) == 1
        assert "ermission denied" in lxc.sh(name, "echo h > /proc/sysrq-trigger; mkdir -p /mnt; mount -t proc x /mnt")
        lxc.ok("lxc-stop", "-n", name, "-k")
    mode = directory.stat()
    assert (mode.st_uid, mode.st_mode & 0o777) == (0, 0o700)


def test_nesting_frees_mounts_and_brings_the_file_systems_for_it(lxc: Lxc) -> None:
    name = make(lxc, "lxc.apparmor.profile = generated\nlxc.apparmor.allow_nesting = 1\n")
    lxc.start(name)
    assert "/dev/.lxc/proc proc" in lxc.sh(name, "cat /proc/1/mounts")
    assert lxc.sh(name, "mkdir -p /mnt && mount -t proc x /mnt && echo done") == "done"
    assert "ermission denied" in lxc.sh(name, "cat /dev/.lxc/proc/meminfo")


def test_a_line_that_is_no_rule_fails_the_start(lxc: Lxc) -> None:
    name = make(lxc, "lxc.apparmor.profile = generated\nlxc.apparmor.raw = what is this\n")
    done = lxc.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "cannot compile the AppArmor profile" in done.stderr
    assert "look at the lines of lxc.apparmor.raw" in done.stderr
    assert lxc.leftovers() == []


def test_a_mapped_container_is_confined_too(lxc: Lxc, profile: str) -> None:
    name = make(lxc, f"lxc.apparmor.profile = {profile}\n")
    lxc.extend(name, MAPPED)
    subprocess.run(["chown", "-R", "100000:100000", lxc.rootfs(name)], check=True)
    lxc.start(name)
    assert label(lxc.init_pid(name)) == profile
    assert "Permission denied" in lxc.sh(name, "cat /denied")


def test_the_label_goes_together_with_filter_and_no_new_privileges(lxc: Lxc, profile: str) -> None:
    policy = lxc.path / "policy"
    policy.write_text("2\ndenylist\nswapon errno 18\n")
    name = make(lxc, f"lxc.apparmor.profile = {profile}\nlxc.seccomp.profile = {policy}\nlxc.no_new_privs = 1\n")
    lxc.start(name)
    assert label(lxc.init_pid(name)) == profile
    assert "Permission denied" in lxc.sh(name, "cat /denied")
    status = lxc.sh(name, "cat /proc/1/status")
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
