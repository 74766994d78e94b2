"""What the user is told when a step fails: the step's words, the kernel's word, and what to do."""

import errno
import os

import pytest

from lxc.errors import LxcError, NotFound, StepError
from lxc.mounts.plan import Bind, Device, MakeDir, New
from lxc.runtime import failures, remedies
from lxc.security.plan import KeyringLabel, Label
from lxc.storage.plan import RootPlan


def told(step: object, number: int, path: str | None = None) -> list[str]:
    error = remedies.failure(step, OSError(number, os.strerror(number), path))
    assert isinstance(error, StepError)
    return error.lines()


def test_a_missing_source_is_told_with_its_place_and_both_ways_out() -> None:
    assert told(Bind("/srv", "data", where="config:7"), errno.ENOENT, "/srv") == [
        "cannot mount --bind /srv data: No such file or directory: /srv",
        "  set in config:7",
        "  make /srv on the host, or add optional to the entry",
    ]


def test_a_missing_target_is_told_with_what_makes_it() -> None:
    assert told(Bind("/srv", "data"), errno.ENOENT, "data") == [
        "cannot mount --bind /srv data: No such file or directory: data",
        "  the container has no data: make it, or add create=dir or create=file to the entry",
    ]


def test_a_missing_source_in_the_container_is_not_to_be_made_on_the_host() -> None:
    assert "on the host" not in "".join(told(Bind("a", "b", in_root=True), errno.ENOENT, "a"))


def test_what_is_said_already_is_not_said_again() -> None:
    error = remedies.failure(MakeDir("a/b"), OSError(errno.ELOOP, "/a is a symbolic link", "/a"))
    assert str(error) == "cannot mkdir -p a/b: /a is a symbolic link"


@pytest.mark.parametrize(
    ("step", "number", "path", "hint"),
    [
        (Bind("/a", "b"), errno.ELOOP, "b", "links in the container's root are not followed"),
        (MakeDir("a"), errno.ELOOP, "a", "links in the container's root are not followed"),
        (New("nofs", "none", "t"), errno.ENODEV, "nofs", "no file system called nofs"),
        (New("tmpfs", "none", "t", data=("x=1",)), errno.EINVAL, "x", "does not take one of these options"),
        (New("tmpfs", "none", "t"), errno.ENOENT, "t", "the container has no t"),
        (New("cgroup2", "none", "sys/fs/cgroup"), errno.ENOENT, "sys/fs/cgroup", "add sys to lxc.mount.auto"),
        (New("ext4", "/dev/x", "t"), errno.ENOENT, None, "make what the entry mounts, or its options name"),
        (New("overlay", "none", "t"), errno.ENOENT, "lowerdir", "make what the entry mounts, or its options name"),
        (Bind("a", "b", in_root=True), errno.ENOENT, "a", "the container has no a: make it, or add optional"),
        (MakeDir("a"), errno.EMFILE, None, "raise lxc.prlimit.nofile"),
        (MakeDir("a/b"), errno.ENOTDIR, "a", "a component of the path is a file"),
        (MakeDir("a"), errno.EROFS, "a", "read-only"),
        (MakeDir("a"), errno.ENOSPC, "a", "full"),
        (Device("dev/null", 1, 3), errno.EPERM, None, "lacks a privilege"),
        (Bind("/a", "b"), errno.ENOSYS, None, "older than Linux 5.15"),
        (RootPlan("/r", "/m"), errno.ENOENT, "/m", "lxc.rootfs.mount must exist: make /m"),
        (RootPlan("/r", "/m"), errno.ENOENT, "/r", "was /r moved or removed?"),
        (RootPlan("/r", "/r"), errno.ENOENT, "/r", "was /r moved or removed?"),
        (RootPlan("/r", "/r"), errno.ENOTDIR, "/r", "must be directories"),
    ],
)
def test_an_error_number_that_has_a_remedy_comes_with_it(step: object, number: int, path: str, hint: str) -> None:
    assert hint in told(step, number, path)[-1]


def test_an_error_without_remedy_is_told_without() -> None:
    assert told("do it", errno.EIO) == ["cannot do it: Input/output error"]


def test_an_error_with_words_keeps_them_and_gets_the_step() -> None:
    error = remedies.failure("open the door", NotFound("lxc-init is missing", hint="install it"))
    assert isinstance(error, StepError)
    assert error.lines() == ["cannot open the door: lxc-init is missing", "  install it"]


def test_an_error_with_a_place_keeps_it_unless_the_step_has_one() -> None:
    error = LxcError("no", where="config:1")
    assert remedies.failure("do", error).where == "config:1"  # type: ignore[attr-defined]
    assert remedies.failure(MakeDir("a", "config:2"), error).where == "config:2"  # type: ignore[attr-defined]


def test_a_failed_step_is_told_by_its_own_name_not_by_the_step_around_it() -> None:
    error = StepError("mount --bind /a b", "no")
    assert remedies.failure("start web", error) is error


def test_a_mistake_of_ours_is_told_by_its_kind() -> None:
    assert str(remedies.failure("do it", ZeroDivisionError("division"))) == "cannot do it: ZeroDivisionError: division"


@pytest.mark.parametrize(
    ("number", "text", "hint"),
    [
        (errno.ENOENT, "No such file or directory", "/r has no /sbin/init, or lacks the interpreter"),
        (errno.EACCES, "Permission denied", "not an executable file"),
        (errno.ENOEXEC, "Exec format error", "another kind of machine"),
        (errno.ELOOP, "Too many levels of symbolic links", "circles"),
    ],
)
def test_a_program_that_cannot_be_executed_is_told_with_its_root(number: int, text: str, hint: str) -> None:
    lines = failures.not_executed(("/sbin/init", "x"), "/r", number, Label()).lines()
    assert lines[0] == f"cannot run /sbin/init in the container: {text}"
    assert hint in lines[1]


def test_a_program_that_fails_for_another_reason_has_no_hint() -> None:
    assert failures.not_executed(("/i",), "/r", errno.EIO, Label()).lines() == [
        "cannot run /i in the container: Input/output error"
    ]


CONTEXT = Label("selinux", "u:r:box_t", where="config:9")


def test_what_a_policy_forbids_is_told_with_the_context_and_the_permission() -> None:
    lines = failures.not_executed(("/sbin/init",), "/r", errno.EACCES, CONTEXT).lines()
    assert "not an executable file" in lines[1]
    assert "the SELinux policy does not let it be entered as u:r:box_t" in lines[1]
    error = remedies.init_not_executed(CONTEXT, PermissionError(errno.EACCES, "Permission denied"))
    assert error.lines()[1:] == [
        "  set in config:9",
        "  lxc-init lies on a mount with nosuid: the policy must allow nosuid_transition to u:r:box_t",
    ]


@pytest.mark.parametrize("step", [CONTEXT, KeyringLabel("u:r:box_t", where="config:9")])
def test_a_context_that_no_policy_knows_is_told_with_its_place(step: object) -> None:
    lines = told(step, errno.EINVAL)
    assert "u:r:box_t: Invalid argument" in lines[0]
    assert lines[1] == "  set in config:9"
    assert "the policy that is loaded does not know it" in lines[2]


def test_the_line_of_the_mount_point_is_told_if_that_is_what_is_missing() -> None:
    root = RootPlan("/r", "/m", where="config:1", where_mount="config:2")
    for path, where in (("/m", "config:2"), ("/r", "config:1")):
        error = remedies.failure(root, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path))
        assert isinstance(error, StepError)
        assert error.where == where
