import pytest

from lxc.checkpoint import plan
from lxc.checkpoint.plan import Dump, External, Images, Restore, Root, Wish

COMMON = (
    "--tcp-established --file-locks --link-remap --manage-cgroups=full --ext-mount-map auto --enable-external-sharing "
    "--enable-external-masters --enable-fs hugetlbfs --enable-fs tracefs"
)
UNIFIED = (Root("/lxc.payload.c"),)


def dump(wish: Wish, images: Images = Images("/d"), **more: object) -> str:  # noqa: B008  # a Record is immutable
    return str(Dump(images, wish, 7, UNIFIED, "/sys/fs/cgroup/lxc.payload.c").replace(**more))


def test_a_dump_leaves_the_container_running() -> None:
    assert dump(Wish()) == (
        f"criu dump {COMMON} -D /d -o /d/dump.log --cgroup-root /lxc.payload.c "
        "-t 7 --skip-in-flight --freeze-cgroup /sys/fs/cgroup/lxc.payload.c --force-irmap --leave-running"
    )


def test_unless_it_is_to_stop() -> None:
    assert "--leave-running" not in dump(Wish(stops=True))


def test_a_pre_dump_has_no_choice_of_that() -> None:
    text = dump(Wish(is_pre_dump=True))
    assert text.startswith("criu pre-dump ")
    assert "-o /d/pre-dump.log" in text
    assert "--leave-running" not in text


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(earlier="../a"), "--prev-images-dir ../a --track-mem"),
        (Wish(page_server=("10.0.0.1", "27")), "--page-server --address 10.0.0.1 --port 27"),
        (Wish(ghost_limit=4096), "--ghost-limit 4096"),
    ],
)
def test_what_is_wished_is_passed_on(wish: Wish, words: str) -> None:
    assert words in dump(wish)
    assert words not in dump(Wish())


@pytest.mark.parametrize(
    ("wish", "word"), [(Wish(preserves_inodes=True), "--force-irmap"), (Wish(keeps_in_flight=True), "--skip-in-flight")]
)
def test_and_what_is_not_is_left_out(wish: Wish, word: str) -> None:
    assert word not in dump(wish)


def test_criu_may_talk_and_run_a_script() -> None:
    assert " -v4 --action-script /s -t 7 " in dump(Wish(), Images("/d", True, "/s"))


def test_mounts_of_the_host_are_external() -> None:
    mounts = (External("/usr/lib", "lib"),)
    assert "--ext-mount-map /lib:lib -t 7" in dump(Wish(), mounts=mounts)
    restore = Restore(Images("/d"), "/r", UNIFIED, (3, 16), mounts)
    assert str(restore) == (
        f"criu restore {COMMON} -D /d -o /d/restore.log --cgroup-root /lxc.payload.c "
        "--ext-mount-map lib:/usr/lib --root /r --restore-detached --restore-sibling"
    )


def test_from_317_on_criu_is_told_to_mount_as_before() -> None:
    assert "--mntns-compat-mode" in Restore(Images("/d"), "/r", (), (3, 17, 1)).argv


def test_cgroups_of_version_1_name_their_controllers() -> None:
    text = dump(Wish(), cgroups=(Root("/a", "cpu,cpuacct"), Root("/b", "name=systemd"), Root("/c")))
    assert "--cgroup-root cpu,cpuacct:/a --cgroup-root name=systemd:/b --cgroup-root /c" in text


def test_the_version_is_read_from_what_criu_says() -> None:
    assert plan.version("Version: 3.17.1\nGitID: v3.17.1\n") == (3, 17, 1)
    with pytest.raises(ValueError, match="no version"):
        plan.version("criu: not found")


def test_the_reason_is_the_first_error_that_matters() -> None:
    log = (
        "(00.1) Warn  (criu/a.c:1): hm\n(00.2) Error (criu/page-xfer.c:3): page-xfer: No parent image found, though\n"
        "(00.3) Error (criu/tty.c:7): tty: no peer\n(00.4) Error (criu/cr-dump.c:9): Dumping FAILED.\n"
    )
    assert plan.reason(log) == "tty: no peer"
    assert plan.reason("all is well") == ""
