import pytest

from lxc.values.automount import MountAuto, merge


def read(text: str) -> MountAuto:
    return merge(text, MountAuto())


def test_a_mode_left_out_is_the_careful_one() -> None:
    assert read("proc sys") == MountAuto(proc="mixed", sys="mixed")
    assert read("cgroup").cgroup == "auto"


def test_tokens_of_one_class_replace_each_other_and_lines_add_up() -> None:
    assert merge("sys:ro", read("proc sys:rw")) == MountAuto(proc="mixed", sys="ro")
    assert read("cgroup:ro:force cgroup-full:mixed") == MountAuto(cgroup="mixed", cgroup_full=True)


@pytest.mark.parametrize(
    ("token", "mode", "full", "second", "force"),
    [("cgroup:ro", "ro", False, False, False), ("cgroup-full:rw:force", "rw", True, False, True),
     ("cgroup:force", "auto", False, False, True), ("cgroup2", "rw", False, True, True),
     ("cgroup2:ro", "ro", False, True, True), ("cgroup2:ro:force", "ro", False, True, True)],
)  # fmt: skip
def test_cgroups_have_four_forms(token: str, mode: str, full: bool, second: bool, force: bool) -> None:
    auto = read(token)
    assert (auto.cgroup, auto.cgroup_full, auto.cgroup2, auto.cgroup_force) == (mode, full, second, force)


def test_a_directory_can_be_shared() -> None:
    assert read("shmounts:/srv//mounts").shmounts_target == "/dev/.lxc-mounts"
    auto = read("shmounts:/srv/mounts:/mnt/")
    assert (auto.shmounts, auto.shmounts_target) == ("/srv/mounts", "/mnt")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("proc sys:rw cgroup:ro:force", "proc:mixed sys:rw"), ("cgroup-full cgroup2", ""), ("cgroup-full", "cgroup-full"),
     ("cgroup:rw\tproc:rw", "proc:rw cgroup:rw"), ("shmounts:/a", "")],
)  # fmt: skip
def test_shows_what_lxc_shows(text: str, shown: str) -> None:
    assert str(read(text)) == shown


@pytest.mark.parametrize(
    "token", ["proc:ro", "sys:", "cgroup:mixed:", "cgroup2:rw", "prok", "shmounts:", "shmounts:a", "shmounts:/a:b"]
)
def test_an_unknown_token_is_told_so(token: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        read(f"sys {token}")
