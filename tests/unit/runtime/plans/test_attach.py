"""Golden plans of attaching: what is wished and what was found in, the printed plan out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxc.runtime.plans import attach as attach_plan
from lxc.runtime.plans.attach import PRIVILEGES, AttachPlan, Facts, Wish
from lxc.security.landlock.plan import Landlock
from lxc.security.plan import Filter, Label

EVERYTHING = (1 << 41) - 1
NO_SYS_TIME = EVERYTHING & ~(1 << 25)
OWN = ("mnt", "pid", "uts", "ipc", "net", "cgroup")
PASSWD = "root:x:0:0:root:/root:/bin/bash\nbob:x:1000:1000::/home/bob:/bin/ash\nodd:x:1001:1001:::\n"
WEB = Facts(
    pid=42,
    own=OWN,
    different=OWN,
    bounding=NO_SYS_TIME,
    last_capability=40,
    passwd=PASSWD,
    environment=(("TERM", "xterm"), ("PATH", "/bin")),
    cwd="/home",
)


def plan(facts: Facts = WEB, **wish: object) -> AttachPlan:
    return attach_plan.decide("web", Wish(**wish), facts)  # type: ignore[arg-type]


def lines(facts: Facts = WEB, **wish: object) -> list[str]:
    return str(plan(facts, **wish)).splitlines()


def test_a_shell_joins_everything_and_gives_up_what_the_container_may_not() -> None:
    assert lines() == [
        "# attach to web, whose init is process 42",
        "keyctl session",
        "enter its cgroups",
        "nsenter --mnt --pid --uts --ipc --net --cgroup",
        "cd /home",
        "drop capabilities 25",
        "become user 0, group 0, groups none",
        "export TERM=xterm",
        "export PATH=/bin",
        "export container=lxc",
        "exec /bin/bash",
    ]


def test_with_all_privileges_it_only_joins_namespaces() -> None:
    assert lines(elevated=PRIVILEGES, argv=("ps", "ax"))[1:5] == [
        "keyctl session",
        "nsenter --mnt --pid --uts --ipc --net --cgroup",
        "cd /home",
        "become user 0, group 0, groups none",
    ]


def test_only_the_namespaces_asked_for_are_joined_and_only_where_they_differ() -> None:
    assert plan(namespaces=("pid", "net", "user")).namespaces == ("pid", "net")


def test_a_namespace_that_init_got_elsewhere_is_joined_too_but_a_cgroup_namespace_only_with_the_cgroups() -> None:
    shared = WEB.replace(own=("mnt", "pid"), different=("mnt", "pid", "net", "cgroup"))
    assert plan(shared).namespaces == ("mnt", "pid", "net", "cgroup")
    assert plan(shared, elevated=("CGROUP",)).namespaces == ("mnt", "pid", "net")


def test_no_new_privileges_are_to_be_had_if_the_container_or_who_attaches_wants_it() -> None:
    assert not plan().no_new_privs
    assert plan(no_new_privs=True).no_new_privs
    assert plan(WEB.replace(no_new_privs=True)).no_new_privs


CONFINED = WEB.replace(
    landlock=Landlock(files=1, words=("read /usr",)), filter=Filter("/policy", 1, "00" * 16, is_supervised=True),
    label=Label("apparmor", "web-profile"), has_supervisor=True,
)  # fmt: skip


def test_what_is_attached_is_confined_as_the_container_is_before_it_is_somebody_else() -> None:
    assert lines(CONFINED)[5:12] == [
        "drop capabilities 25",
        "landlock read /usr",
        "filter system calls as /policy says # 1 rules, 2 instructions",
        "give the listener to the monitor",
        "become user 0, group 0, groups none",
        "take the AppArmor label web-profile",
        "export TERM=xterm",
    ]


def test_another_label_may_be_asked_for_or_none() -> None:
    assert plan(CONFINED, context="other").label == Label("apparmor", "other")
    assert plan(CONFINED, context="other", elevated=("LSM",)).label == Label()


def test_paths_of_the_container_confine_nothing_outside_its_mount_namespace() -> None:
    assert plan(CONFINED, namespaces=("mnt",)).landlock
    assert not plan(CONFINED, namespaces=("pid",)).landlock


def test_a_listener_is_handed_over_only_to_a_monitor_that_wants_it() -> None:
    assert plan(CONFINED).hands_over
    assert not plan(CONFINED.replace(has_supervisor=False)).hands_over
    assert not plan(WEB.replace(has_supervisor=True)).hands_over


def test_the_last_capability_is_one_too() -> None:
    assert plan(WEB.replace(bounding=EVERYTHING >> 1)).dropped == (40,)


def test_the_session_keyring_is_a_new_one_unless_init_keeps_its_starters() -> None:
    assert plan().new_keyring
    assert not plan(WEB.replace(keeps_keyring=True)).new_keyring


def test_proc_and_sys_are_mounted_anew_only_without_the_mount_namespace() -> None:
    assert not plan(remount_proc_sys=True).remounts_proc_sys
    assert plan(remount_proc_sys=True, namespaces=("pid",)).remounts_proc_sys


@pytest.mark.parametrize(
    ("wished", "running", "personality"),
    [("", "", -1), ("", "i686", 8), ("x86_64", "i686", 0), ("i686", "", 8), ("", "x86_64", 0)],
)
def test_the_personality_is_the_one_wished_or_the_containers(wished: str, running: str, personality: int) -> None:
    assert plan(WEB.replace(arch=running), arch=wished).personality == personality


def test_a_cleared_environment_keeps_what_is_named_and_has_a_path() -> None:
    cleared = plan(
        clear_env=True, keep=("TERM", "NOPE"), config_variables=("A=1", "B=2"), variables=("B=3", "junk", "=x")
    )
    assert cleared.environment == (
        ("TERM", "xterm"),
        ("PATH", attach_plan.DEFAULT_PATH),
        ("container", "lxc"),
        ("A", "1"),
        ("B", "3"),
    )


def test_a_path_that_is_kept_is_kept() -> None:
    assert dict(plan(clear_env=True, keep=("PATH",)).environment)["PATH"] == "/bin"


@pytest.mark.parametrize(
    ("uid", "shell"), [(0, "/bin/bash"), (1000, "/bin/ash"), (1001, "/bin/sh"), (7, "/bin/sh"), (10, "/bin/sh")]
)
def test_the_shell_is_the_users(uid: int, shell: str) -> None:
    assert plan(uid=uid).argv == (shell,)


@pytest.mark.parametrize(
    "text", ["root:x:0:0:::relative\n", "root:x:0:0:::/bin/\x1b[2Jsh\n", "root:x:0:0::/bin/sh\n", "", ":::::::"]
)
def test_a_shell_that_can_be_none_is_bin_sh(text: str) -> None:
    assert attach_plan.shell(text, 0) == "/bin/sh"


@given(st.text())
def test_whatever_is_in_passwd_there_is_a_shell(text: str) -> None:
    assert attach_plan.shell(text, 0).startswith("/")


def test_in_a_user_namespace_without_a_root_the_command_is_who_init_is() -> None:
    mapped = WEB.replace(different=("user", *OWN), own=("user", *OWN), maps_root=False, ids=(1000, 1000))
    chosen = plan(mapped)
    assert (chosen.first_uid, chosen.uid, chosen.gid) == (1000, 1000, 1000)
    assert plan(mapped, uid=5, gid=6).uid == 5
    assert plan(mapped.replace(maps_root=True)).first_uid == 0
