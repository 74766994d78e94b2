"""lxc-create: what it makes, and that nothing is left of what it could not make."""

import contextlib
import errno
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lxc.config import document
from lxc.errors import LxcError
from lxc.kernel import mount
from lxc.runtime.disk.making import Making
from lxc.runtime.place import place

from .conftest import Host, appears, command, cut_short, is_gone

pytestmark = pytest.mark.root


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# ---- what it makes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("none", ["none", "n"])
def test_without_a_template_there_is_a_configuration_and_nothing_else(host: Host, none: str) -> None:
    done = host.create("web", "-t", none)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert host.made() == ["web", "web/config"]
    assert mode(host.path / "web") == 0o770


@pytest.mark.parametrize("umask", [0o022, 0o077, 0])
def test_directories_have_their_modes_whatever_the_umask(host: Host, umask: int) -> None:
    template = host.template('touch "${3#--rootfs=}/file"')
    old = os.umask(umask)
    try:
        assert host.create("web", "-t", template).returncode == 0
    finally:
        os.umask(old)
    assert mode(host.path / "web") == 0o770
    assert mode(host.path / "web/rootfs") == 0o755
    assert mode(host.path / "web/rootfs/file") == 0o644
    assert mode(host.path / "web/config") == 0o660 & ~umask


def test_the_template_is_told_what_to_do(host: Host) -> None:
    template = host.template('printf "%s\\n" "$@" > "${1#--path=}/told"; pwd >> "${1#--path=}/told"')
    assert host.create("web", "-t", template, "--", "-a", "b c").returncode == 0
    directory = host.path / "web"
    expected = [f"--path={directory}", "--name=web", f"--rootfs={directory}/rootfs", "-a", "b c", os.getcwd()]
    assert (directory / "told").read_text().splitlines() == expected


def test_the_configuration_begins_with_how_it_came_to_be(host: Host) -> None:
    template = host.template('echo "lxc.uts.name = from-template" >> "${1#--path=}/config"')
    (host.base / "initial").write_text("# mine\nlxc.tty.max = 3\n")
    assert (
        host.create("web", "-t", template, "-f", host.base / "initial", "--", "-a", "x\nlxc.tty.max = 1").returncode
        == 0
    )
    lines = (host.path / "web/config").read_text().splitlines()
    checksum = subprocess.run(["sha1sum", template], text=True, capture_output=True, check=True).stdout.split()[0]
    assert lines[:3] == [
        f"# Template used to create this container: {template}",
        "# Parameters passed to the template: -a 'x\\nlxc.tty.max = 1'",
        f"# Template script checksum (SHA-1): {checksum}",
    ]
    (nesting,) = (line.rpartition(" ")[2] for line in lines if line.startswith("#lxc.include"))
    assert os.path.exists(nesting)
    tail = [
        "# mine",
        "lxc.tty.max = 3",
        f"lxc.rootfs.path = dir:{host.path}/web/rootfs",
        "lxc.uts.name = from-template",
    ]
    assert lines[-4:] == tail
    assert document.load(str(host.path / "web/config"))[0].tty_max == 3


@pytest.mark.parametrize("words", [("--password", "sesame"), ("--password=sesame",)])
def test_a_password_for_the_template_is_not_kept(host: Host, words: tuple[str, ...]) -> None:
    template = host.template('[[ "$*" = *sesame* ]]')
    assert (
        host.create(
            "web", "-t", template, "-f", "/dev/null", "-l", "TRACE", "-o", host.base / "log", "--", *words
        ).returncode
        == 0
    )
    assert "sesame" not in (host.path / "web/config").read_text() + (host.base / "log").read_text()
    assert "running" in (host.base / "log").read_text()


def test_a_hardware_address_is_made_up_once(host: Host) -> None:
    (host.base / "initial").write_text("lxc.net.0.type = veth\nlxc.net.0.hwaddr = 10:66:6a:xx:xx:xx\n")
    assert host.create("web", "-t", "none", "-f", host.base / "initial").returncode == 0
    assert "xx" not in (host.path / "web/config").read_text()


@pytest.mark.parametrize("name", ["web", "we:b"])
def test_a_directory_elsewhere_is_made_recorded_and_goes_with_the_container(host: Host, name: str) -> None:
    root = host.base / "roots" / name
    assert host.create("web", "-t", host.template("true"), "--dir", root).returncode == 0
    assert f"lxc.rootfs.path = dir:{root}\n" in (host.path / "web/config").read_text()
    assert mode(host.path / "web/rootfs.made") == 0o600
    assert host.destroy("web").stderr == ""
    assert not root.exists()


def test_a_directory_that_was_there_is_used(host: Host) -> None:
    root = host.base / "root"
    (root / "mine").mkdir(parents=True)
    assert host.create("web", "-t", host.template('touch "${3#--rootfs=}/file"'), "--dir", root).returncode == 0
    assert sorted(os.listdir(root)) == ["file", "mine"]
    assert not (host.path / "web/rootfs.made").exists()


@pytest.mark.parametrize("how", ["--dir", "-f"])
@pytest.mark.parametrize("root", ["/", "//", "/tmp/..", "link", "path"])
def test_a_template_fills_neither_the_hosts_root_nor_the_container_path(host: Host, root: str, how: str) -> None:
    (host.base / "link").symlink_to("/")
    host.path.mkdir()
    path = {"link": str(host.base / "link"), "path": str(host.path)}.get(root, root)
    (host.base / "initial").write_text(f"lxc.rootfs.path = dir:{path}\n")
    template = host.template(f"touch {host.base}/ran")
    done = host.create("web", "-t", template, how, path if how == "--dir" else host.base / "initial")
    assert done.returncode == 1
    assert "a template cannot fill" in done.stderr
    assert (host.made(), (host.base / "ran").exists()) == ([], False)
    assert host.create("web", "-t", "none", "-f", host.base / "initial").returncode == 0


def test_a_root_that_the_initial_configuration_names_is_filled(host: Host) -> None:
    (host.base / "root").mkdir()
    (host.base / "initial").write_text(f"lxc.rootfs.path = dir:{host.base}/root\n")
    template = host.template('touch "${3#--rootfs=}/file"')
    assert host.create("web", "-t", template, "-f", host.base / "initial").returncode == 0
    assert os.listdir(host.base / "root") == ["file"]
    assert (host.path / "web/config").read_text().count("lxc.rootfs.path") == 1


def test_what_a_template_mounts_and_forgets_is_not_the_hosts(host: Host) -> None:
    template = host.template('mount -t tmpfs none "${3#--rootfs=}" && touch "${3#--rootfs=}/lost"')
    assert host.create("web", "-t", template).returncode == 0
    assert os.listdir(host.path / "web/rootfs") == []
    assert str(host.path) not in Path("/proc/self/mountinfo").read_text()


def test_quiet_is_quiet(host: Host) -> None:
    template = host.template("cat; echo out; echo error >&2")
    done = host.create("web", "-q", "-t", template)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_templates_help_follows_ours(host: Host) -> None:
    template = host.template('[ "$1" = -h ] && echo "I am the template"')
    done = subprocess.run(command("lxc-create", "-t", template, "-h"), text=True, capture_output=True)
    assert done.returncode == 0
    assert "I am the template" in done.stderr


def test_a_name_and_a_path_of_odd_characters_are_a_container(host: Host) -> None:
    host.path = host.base / "a b'c"
    name = "it's $(web) \udcff"
    assert host.create(name, "-t", host.template("true")).returncode == 0
    assert host.destroy(name).returncode == 0
    assert host.made() == []


# ---- what it refuses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "A template must be specified"),
        (("-t", "nosuch"), 'Template "nosuch" not found'),
        (("-t", "./template"), "absolute path"),
        (("-t", "/nosuch"), 'Template "/nosuch" not found'),
        (("-t", "none", "--dir", "sub"), "--dir should use absolute path"),
        (("-t", "none", "--dir", "."), "--dir should use absolute path"),
        (("-t", "none", "-B", "bogus"), "bogus is not a valid backing storage type"),
        (("-t", "none", "-B", "zfs"), "zfs cannot be a new container's storage"),
        (("-t", "none", "--lvname", "x"), "--lvname can only be used with -B lvm"),
        (("-t", "none", "-f", "/nosuch"), "/nosuch: cannot read the configuration"),
        (("-t", "none", "--dir", "/tmp/a\nb"), "one line"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason_and_leaves_nothing(
    host: Host, words: tuple[str, ...], why: str
) -> None:
    done = host.create("web", *words)
    assert done.returncode == 1
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert not host.path.exists()


@pytest.mark.parametrize("backend", ["dir", "best", "b", "none", "lvm,dir"])
def test_what_can_be_a_directory_is_one(host: Host, backend: str) -> None:
    assert host.create("web", "-t", host.template("true"), "-B", backend).returncode == 0
    assert f"lxc.rootfs.path = dir:{host.path}/web/rootfs" in (host.path / "web/config").read_text()


def test_a_container_that_exists_is_left_as_it_is(host: Host) -> None:
    assert host.create("web", "-t", "none").returncode == 0
    before = (host.path / "web/config").read_bytes()
    done = host.create("web", "-t", "busybox")
    assert done.returncode == 1
    assert f'Container "web" already exists in "{host.path}"' in done.stderr
    assert (host.path / "web/config").read_bytes() == before
    assert host.made() == ["web", "web/config"]


def test_a_mistake_in_the_initial_configuration_is_named_with_its_line_and_nothing_is_made(host: Host) -> None:
    (host.base / "initial").write_text("lxc.tty.max = 3\nlxc.nonsense = 1\n")
    done = host.create("web", "-t", "none", "-f", host.base / "initial")
    assert done.returncode == 1
    assert f"{host.base}/initial:2" in done.stderr
    assert not host.path.exists()


def test_what_the_initial_configuration_includes_is_found_from_everywhere(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    (host.base / "part").write_text("lxc.group = a\n")
    (host.base / "whole").write_text("lxc.include = part\n # lxc.include = x\nlxc.tty.max = 2")
    monkeypatch.chdir(host.base)
    assert host.create("web", "-t", "none", "-f", "whole").returncode == 0
    text = (host.path / "web/config").read_text()
    assert text == f"lxc.include = {host.base}/part\n # lxc.include = x\nlxc.tty.max = 2"
    monkeypatch.chdir("/")
    assert document.load(str(host.path / "web/config"))[0].group == ("a",)


def test_a_link_in_the_place_of_the_containers_directory_is_refused(host: Host) -> None:
    host.path.mkdir()
    (host.base / "precious").mkdir()
    (host.path / "web").symlink_to(host.base / "precious")
    done = host.create("web", "-t", "none")
    assert done.returncode == 1
    assert "symbolic link" in done.stderr
    assert os.listdir(host.base / "precious") == []


# ---- what goes wrong on the way ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exit 3", "ended with status 3"),
        ("kill -9 $$", "was killed by signal 9"),
        ("kill -SEGV $$", "was killed by signal 11"),
        ('echo "lxc.nonsense = 1" >> "${1#--path=}/config"', "lxc.nonsense"),
        ('echo "lxc.rootfs.path = /" >> "${1#--path=}/config"', "lxc.rootfs.path became '/'"),
        ('rm "${1#--path=}/config"', "cannot read the configuration"),
        ('cd "${1#--path=}"; rm config; mkfifo config', "it is a named pipe, and no regular file"),
        (
            'mkdir -p "${3#--rootfs=}/a/b"; mkfifo "${3#--rootfs=}/f"; ln -s / "${3#--rootfs=}/l"; exit 1',
            "ended with status 1",
        ),
    ],
)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_nothing_is_left_where_the_template_fails(host: Host, script: str, why: str, elsewhere: bool) -> None:
    (host.base / "roots").mkdir()
    words = ("--dir", host.base / "roots/a/web") if elsewhere else ()
    done = host.create("web", "-t", host.template(script), *words)
    assert done.returncode == 1
    assert why in done.stderr
    assert not host.path.exists()
    assert os.listdir(host.base / "roots") == []


@pytest.mark.parametrize("left", [(), ("mine",)], ids=["own", "there"])
@pytest.mark.parametrize("target", [".", "precious"])
def test_a_root_that_the_template_made_a_link_leads_nowhere(host: Host, target: str, left: tuple[str, ...]) -> None:
    (host.base / "precious").mkdir()
    (host.base / "precious/file").write_text("dear")
    for name in left:
        (host.path / "web" / name).mkdir(parents=True)
    template = host.template(f"cd ${{3#*=}}/..; rmdir rootfs; ln -s {host.base}/{target} rootfs; exit 5")
    done = host.create("web", "-t", template)
    assert (done.returncode, "ended with status 5" in done.stderr) == (1, True), done.stderr
    assert host.made() == (["web", "web/config", "web/mine", "web/partial", "web/rootfs"] if left else [])
    assert (host.base / "precious/file").read_text() == "dear"


def test_a_configuration_that_the_template_made_a_link_is_not_written_through(host: Host) -> None:
    (host.base / "precious").write_text("lxc.uts.name = dear\n")
    done = host.create("web", "-t", host.template(f"ln -sf {host.base}/precious ${{1#*=}}/config"))
    assert done.returncode == 1
    assert f"{host.path}/web/config has become a symbolic link: what it leads to is not written to\n" in done.stderr
    assert (host.base / "precious").read_text() == "lxc.uts.name = dear\n"
    assert host.made() == []


def test_a_quiet_templates_last_words_are_told_to_who_calls_it(host: Host) -> None:
    from lxc.errors import LxcError
    from lxc.runtime.disk import create
    from lxc.runtime.place import place

    recipe = create.Recipe(str(host.template("echo one >&2; echo no network >&2; exit 1")), is_quiet=True)
    with pytest.raises(LxcError) as caught:
        create.create(place("web", str(host.path)), recipe)
    assert caught.value.hint == "its last words: no network"


@pytest.mark.parametrize(("first", "why"), [("#!/nosuch/interpreter", "interpreter"), ("no program", "execute")])
def test_a_template_that_cannot_be_run_says_so(host: Host, first: str, why: str) -> None:
    template = host.template("")
    template.write_text(f"{first}\n")
    done = host.create("web", "-t", template)
    assert done.returncode == 1
    assert why in done.stderr
    assert not host.path.exists()


def test_what_was_there_before_stays_when_it_fails(host: Host) -> None:
    (host.path / "web/mine").mkdir(parents=True)
    (host.base / "root/mine").mkdir(parents=True)
    done = host.create("web", "-t", host.template("exit 1"), "--dir", host.base / "root")
    assert done.returncode == 1
    assert host.made() == ["web", "web/mine"]
    assert os.listdir(host.base / "root") == ["mine"]


def test_a_root_made_in_a_directory_that_was_there_goes_when_it_fails(host: Host) -> None:
    (host.path / "web/mine").mkdir(parents=True)
    assert host.create("web", "-t", host.template('touch "${3#--rootfs=}/x"; exit 1')).returncode == 1
    assert host.made() == ["web", "web/mine"]


def test_a_directory_that_takes_no_mode_is_named_and_does_not_stay(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def takes_none(*_: object) -> None:  # as vfat
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    host.path.mkdir()
    web = place("web", str(host.path))
    monkeypatch.setattr(os, "fchmod", takes_none)
    with pytest.raises(LxcError, match=f"cannot make {host.path}/web: Operation not permitted"), Making(web) as making:
        making.claim()
    assert host.made() == []


def test_what_cannot_be_removed_again_is_said_beside_the_first_failure(host: Host) -> None:
    template = host.template('touch "${3#--rootfs=}/kept"; chattr +i "${3#--rootfs=}/kept"; exit 5')
    done = host.create("web", "-t", template)
    assert "ended with status 5" in done.stderr
    assert f"{host.path}/web/rootfs/kept" in done.stderr
    subprocess.run(["chattr", "-i", host.path / "web/rootfs/kept"], check=True)
    assert host.destroy("web").returncode == 0
    assert host.made() == []


@pytest.mark.parametrize("size", ["nr_inodes=2", "nr_inodes=3", "nr_inodes=4", "nr_inodes=5", "size=4k", "size=64k"])
def test_nothing_is_left_where_the_disk_is_full(
    host: Host, apart: Callable[[Callable[[], None]], None], size: str
) -> None:
    template = host.template('dd if=/dev/zero of="${3#--rootfs=}/fill" bs=64k count=16 status=none')

    def work() -> None:
        host.path.mkdir()
        mount.mount("none", str(host.path), "tmpfs", 0, size)
        done = host.create("web", "-t", template)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr or "ended with status" in done.stderr
        assert host.made() == []

    apart(work)


FULL = "No space left on device\n  the disk is full: free some space\n"


@pytest.mark.parametrize("left", [0, 1])
def test_a_configuration_that_the_disk_has_no_room_for_is_said_with_what_to_do(
    host: Host, apart: Callable[[Callable[[], None]], None], left: int
) -> None:
    plain = host.base / "plain.conf"
    plain.write_text("lxc.uts.name = a\n" + "# long\n" * 2000 * left)

    def work() -> None:
        host.path.mkdir()
        mount.mount("none", str(host.path), "tmpfs", 0, "size=8k")
        (host.path / "fill").write_bytes(bytes(8192 - 4096 * left))
        done = host.create("web", "-t", "none", "-f", plain)
        assert (done.returncode, host.made()) == (1, ["fill"])
        assert done.stderr == f"lxc-create: web: cannot write {host.path}/web/config: {FULL}"

    apart(work)


@pytest.mark.parametrize("left", [0, 1])
def test_a_file_that_cannot_be_rewritten_stays_and_is_an_error(
    host: Host, apart: Callable[[Callable[[], None]], None], left: int
) -> None:
    def work() -> None:
        host.path.mkdir()
        config = host.path / "plain.conf"
        mount.mount("none", str(host.path), "tmpfs", 0, "size=16k")
        config.write_text("lxc.utsname = a\n")
        (host.path / "fill").write_bytes(bytes(4096 * (3 - left)))
        for tool, words, code in (("lxc-check", ("--fix", config), 2), ("lxc-update-config", ("-c", config), 1)):
            done = subprocess.run(command(tool, *words), text=True, capture_output=True)
            assert (done.returncode, done.stdout) == (code, "")
            assert done.stderr == f"{tool}: cannot write {config}{'' if left else '.backup'}: {FULL}"
            assert config.read_text() == "lxc.utsname = a\n"
            (host.path / "plain.conf.backup").unlink(missing_ok=True)
        assert host.made() == ["fill", "plain.conf"]

    apart(work)


def test_nothing_is_left_on_a_file_system_that_cannot_be_written(
    host: Host, apart: Callable[[Callable[[], None]], None]
) -> None:
    def work() -> None:
        host.path.mkdir()
        mount.mount("none", str(host.path), "tmpfs", mount.MS_RDONLY)
        done = host.create("web", "-t", "none")
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            f"lxc-create: web: cannot make {host.path}/web: Read-only file system",
            f"  mount the file system of {host.path} read-write",
        ]

    apart(work)


def test_a_disk_that_is_full_is_told_of_in_words(host: Host, apart: Callable[[Callable[[], None]], None]) -> None:
    def work() -> None:
        host.path.mkdir()
        mount.mount("none", str(host.path), "tmpfs", data="size=400k")
        done = host.create("web", "-t", "busybox")
        assert done.returncode == 1
        assert f"cannot make the system in {host.path}/web/rootfs: " in done.stderr
        assert "No space left on device (with -B loop or lvm, --fssize makes it larger)\n" in done.stderr
        (host.path / "fill").write_bytes(bytes(390 << 10))
        done = host.create("web", "-t", "busybox", "-B", "loop", "--fssize", "100M")
        assert (done.returncode, done.stderr.splitlines()[1:]) == (
            1, ["  the disk that the image lies on is full: free some space"],
        )  # fmt: skip
        with contextlib.suppress(OSError), (host.path / "fill").open("ab", 0) as file:
            while file.write(bytes(4096)):
                pass
        done = host.run("lxc-ls", "--trace", host.path / "trace")
        assert done.stderr.splitlines()[1:] == ["  the disk is full: free some space"]

    apart(work)


def test_nothing_is_left_where_there_can_be_no_directory(host: Host) -> None:
    host.path.touch()
    done = host.create("web", "-t", "none")
    assert done.returncode == 1
    assert "Not a directory" in done.stderr
    assert not Path(f"/run/lxc/lock{host.path}").exists()


# ---- interruptions ---------------------------------------------------------------------------------------------------

SLEEPY = """
root=${3#--rootfs=}
trap 'echo "told to end" > "$root/../../../said"' TERM
sleep 1000 & echo $! > "$root/../../../sleeper"
setsid sleep 1000 & echo $! > "$root/../../../daemon"
(trap '' INT TERM; echo $BASHPID > "$root/../../../stubborn"; while :; do sleep 1000; done) &
until [ -s "$root/../../../stubborn" ]; do sleep 0.01; done
touch "$root/../../../ready"
wait
exit 7
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_interrupted_create_leaves_neither_files_nor_processes(
    host: Host, number: signal.Signals, elsewhere: bool
) -> None:
    words = ("--dir", host.base / "roots/web/root") if elsewhere else ()
    process = host.begin("-n", "web", "-t", host.template(SLEEPY), *words)
    appears(host.base / "ready")
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"interrupted by {number.name}" in error
    assert not host.path.exists()
    assert not (host.base / "roots").exists()
    for name in ("sleeper", "daemon", "stubborn"):
        assert is_gone(int((host.base / name).read_text())), name


@pytest.mark.parametrize("moment", range(8))
def test_ctrl_c_while_a_template_of_ours_is_at_work_is_no_traceback(host: Host, moment: int) -> None:
    busybox = host.template("sleep 0.4; exec busybox $@", "busybox")
    argv = ["env", "--default-signal=INT", *command("lxc-create", "-P", host.path, "-n", "web", "-t", "busybox")]
    process = subprocess.Popen(
        [*argv, "--", f"--busybox-path={busybox}"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    appears(host.path / "web/partial")
    time.sleep(moment * 0.04)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "lxc-create: web: interrupted by SIGINT\n"
    assert not host.path.exists()


def test_a_create_that_is_killed_leaves_no_processes_and_can_be_destroyed(host: Host) -> None:
    process = host.begin("-n", "web", "-t", host.template(SLEEPY), "--dir", host.base / "a/web/root")
    appears(host.base / "ready")
    process.kill()
    process.communicate()
    for name in ("sleeper", "daemon", "stubborn"):
        assert is_gone(int((host.base / name).read_text())), name
    again = host.create("web", "-t", "none")
    assert again.returncode == 1
    removes = f"  lxc-destroy -P {host.path} -n web removes what it left\n"
    assert again.stderr == f"lxc-create: web: an earlier creation of web was cut short\n{removes}"
    assert host.destroy("web").returncode == 0
    assert host.made() == []
    assert not (host.base / "a/web/root").exists()


@pytest.mark.parametrize("left", ["config", "rootdev"])
def test_one_that_was_killed_before_it_had_a_configuration_can_be_destroyed(host: Host, left: str) -> None:
    (host.path / "web").mkdir(parents=True)
    (host.path / "web/partial").touch(0)
    if left == "config":
        cut_short(host.path / "web", left)
    else:
        (host.path / "web" / left).touch()
    assert host.destroy("web").returncode == 0
    assert host.made() == []


@pytest.mark.parametrize("delay", [0.02 * step for step in range(12)])
def test_a_create_interrupted_at_any_moment_leaves_all_or_nothing(host: Host, delay: float) -> None:
    process = host.begin("-n", "web", "-t", "busybox")
    try:
        process.communicate(timeout=delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        process.communicate()
    if process.returncode == 0:
        assert (host.path / "web/rootfs/bin/busybox").exists()
        assert not (host.path / "web/partial").exists()
        assert host.destroy("web").returncode == 0
    assert host.made() == []


def test_a_create_that_waits_for_its_initial_configuration_can_be_ended(host: Host) -> None:
    os.mkfifo(host.base / "pipe")
    process = host.begin("-n", "web", "-t", "none", "-f", host.base / "pipe")
    time.sleep(0.5)
    process.terminate()
    assert process.wait(timeout=10) == -signal.SIGTERM
    assert not host.path.exists()


# ---- two at once -----------------------------------------------------------------------------------------------------


def test_while_one_makes_a_container_others_are_told_so(host: Host) -> None:
    template = host.template('touch "${1#--path=}/../../ready"; read -r line < "${1#--path=}/../../go"')
    os.mkfifo(host.base / "go")
    process = host.begin("-n", "web", "-t", template)
    appears(host.base / "ready")
    assert mode(host.path / "web/partial") == 0
    other = host.create("web", "-t", "none")
    assert other.returncode == 1
    assert other.stderr == "lxc-create: web: web is being created by another process\n"
    destroyer = host.destroy("web", "-f")
    assert destroyer.returncode == 1
    assert "is being created by another process" in destroyer.stderr
    (host.base / "go").write_text("\n")
    process.communicate()
    assert process.returncode == 0
    assert host.made() == ["web", "web/config", "web/rootfs"]


def test_of_many_at_once_one_wins_and_nothing_is_damaged(host: Host) -> None:
    template = host.template('touch "${3#--rootfs=}/file"')
    processes = [host.begin("-n", "web", "-t", template) for _ in range(6)]
    errors = [process.communicate()[1] for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 1, 1, 1, 1, 1]
    for process, error in zip(processes, errors, strict=True):
        assert process.returncode == 0 or "already exists" in error or "is being created" in error
    assert host.made() == ["web", "web/config", "web/rootfs", "web/rootfs/file"]
    assert document.load(str(host.path / "web/config"))[0].rootfs_path.path == f"{host.path}/web/rootfs"


def test_creates_of_different_names_do_not_disturb_each_other(host: Host) -> None:
    template = host.template('touch "${3#--rootfs=}/file"; [ "${2#--name=}" != c2 ]')
    processes = [host.begin("-n", f"c{number}", "-t", template) for number in range(4)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0, 1, 0]
    assert [path for path in host.made() if "/" not in path] == ["c0", "c1", "c3"]
