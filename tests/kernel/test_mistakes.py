"""What a user who makes a mistake is told, to the letter; and that nothing is left then.

Each case prepares the mistake and gives the command; what it must print on standard error stands beside it.  {path}
is the container path, {name} the container's name.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from tests.conftest import MAPPED, Lxc

pytestmark = pytest.mark.root

Prepare = Callable[[Lxc, str], list[str]]
CASES: list[tuple[str, Prepare, int, str]] = []


def mistake(status: int, said: str) -> Callable[[Prepare], Prepare]:
    """The command that the decorated function returns, after its preparation, exits with `status` and says `said`."""

    def add(prepare: Prepare) -> Prepare:
        CASES.append((prepare.__name__, prepare, status, said.strip("\n")))
        return prepare

    return add


def start(lxc: Lxc, name: str, *words: str) -> list[str]:
    return ["lxc-start", "-n", name, *words]


def template(lxc: Lxc, body: str) -> str:
    path = lxc.path / "template"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


# ---- names and options ------------------------------------------------------------------------------------------------


@mistake(1, "lxc-start: nobody: No container config specified: there is no container nobody in {path}\n"
            "  lxc-ls -P {path} lists those there are; lxc-create makes one")  # fmt: skip
def no_such_container(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, "nobody")


@mistake(
    1,
    "lxc-start: No container name specified",
)
def no_name(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-start"]


@mistake(
    1,
    "lxc-start: 'xxxxxxxxxxxxxxxxxxxx'… cannot be a container's name: it has 256 bytes, more than 254\n"
    "lxc-start: could not parse command line",
)
def a_name_that_is_too_long(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, "x" * 256)


@mistake(
    1,
    "lxc-create: 'a/b' cannot be a container's name: it contains a slash\nlxc-create: could not parse command line",
)
def a_name_with_a_slash(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-create", "-n", "a/b", "-t", "none"]


@mistake(
    1,
    "lxc-destroy: '..' cannot be a container's name: it means a directory\nlxc-destroy: could not parse command line",
)
def a_name_that_is_a_directory(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-destroy", "-n", ".."]


@mistake(
    1,
    "lxc-start: {name}: -s lxc.uts.name: expected KEY=VALUE",
)
def definition_without_value(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "-s", "lxc.uts.name")


@mistake(
    1,
    "lxc-start: {name}: -s lxc.uts.nmae=x: lxc.uts.nmae: unknown key; did you mean lxc.uts.name?",
)
def definition_of_an_unknown_key(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "-s", "lxc.uts.nmae=x")


@mistake(
    1,
    "lxc-wait: -s, --state: invalid state 'RUNING': expected one of STOPPED, STARTING, RUNNING, STOPPING, ABORTING, FREEZING, FROZEN, THAWED\n"
    "lxc-wait: could not parse command line",
)
def a_wait_for_no_state(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-wait", "-n", name, "-s", "RUNING"]


@mistake(
    1,
    "lxc-stop: -k can't be used with -r\nlxc-stop: could not parse command line",
)
def options_that_contradict_each_other(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-stop", "-n", name, "-k", "-r"]


# ---- configuration ----------------------------------------------------------------------------------------------------


@mistake(
    1,
    "lxc-start: {name}: {path}/{name}/config:32:1: lxc.cap.drop: expected 'key = value', but there is no '='",
)
def line_without_value(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.cap.drop  sys_admin\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: {path}/{name}/config:32:1: lxc.mount.entri: unknown key; did you mean lxc.mount.entry?",
)
def unknown_key(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.mount.entri = a b none bind\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: {path}/{name}/config:32:1: lxc.utsname: unknown key since LXC 2.1; did you mean lxc.uts.name?\n"
    "{path}/{name}/config:33:15: lxc.autodev: expected 0 or 1, got 'yes'\n"
    "{path}/{name}/config:34:16: lxc.cap.drop: expected a capability such as net_admin, got 'sys_admn'; did you mean sys_admin?\n"
    "  lxc-update-config -c {path}/{name}/config gives all old keys in it the names they have now",
)
def three_mistakes_at_once(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.utsname = x\nlxc.autodev = yes\nlxc.cap.drop = sys_admn\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: {path}/{name}/config:32:1: lxc.tty: unknown key since LXC 2.1; did you mean lxc.tty.max?\n"
    "{path}/{name}/config:33:1: lxc.kmsg: unknown key since LXC 2.1, and nothing has come in its place\n"
    "{path}/{name}/config:34:1: lxc.network.type: unknown key since LXC 2.1; did you mean lxc.net.<n>.type?\n"
    "… and 2 more mistakes\n"
    "  lxc-update-config -c {path}/{name}/config gives all old keys in it the names they have now",
)
def a_configuration_of_lxc_1(lxc: Lxc, name: str) -> list[str]:
    network = "lxc.network.type = veth\nlxc.network.link = br0\nlxc.network.flags = up\n"
    lxc.extend(name, f"lxc.tty = 4\nlxc.kmsg = 0\n{network}")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: {path}/{name}/config:32:15: lxc.include: cannot read /nonexistent/common.conf: No such file or directory",
)
def an_include_that_is_not_there(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.include = /nonexistent/common.conf\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: {path}/other.conf:1:15: lxc.include: {path}/{name}/config includes itself: {path}/{name}/config → {path}/other.conf → {path}/{name}/config",
)
def includes_in_a_circle(lxc: Lxc, name: str) -> list[str]:
    other = lxc.path / "other.conf"
    other.write_text(f"lxc.include = {lxc.config(name)}\n")
    lxc.extend(name, f"lxc.include = {other}\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot ip link add vethXXXXXX master lxc-none0 up type veth peer name eth0 netns INIT: "
    "there is no network device lxc-none0\n  set in {path}/{name}/config:33\n"
    "  make lxc-none0, as lxc-net makes its bridge, or correct the link",
)
def bridge_that_is_not_there(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.net.1.type = veth\nlxc.net.1.link = lxc-none0\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: /nonexistent/config: cannot read the configuration: No such file or directory",
)
def file_for_the_command_that_is_not_there(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "-f", "/nonexistent/config")


# ---- the root file system ---------------------------------------------------------------------------------------------


@mistake(
    1,
    "lxc-start: {name}: cannot mount --rbind {path}/{name}/rootfs {path}/{name}/rootfs: No such file or directory: {path}/{name}/rootfs\n"
    "  set in {path}/{name}/config:12\n"
    "  lxc.rootfs.path must exist: was {path}/{name}/rootfs moved or removed?",
)
def rootfs_that_is_not_there(lxc: Lxc, name: str) -> list[str]:
    lxc.rootfs(name).rename(lxc.path / "elsewhere")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot mount --bind -o noatime /srv mnt: Operation not permitted\n"
    "  set in {path}/{name}/config:34\n"
    "  a container with ids of its own changes neither how access times are kept (noatime, strictatime, relatime), "
    "nor takes away what the host's mount forbids: leave that out",
)
def entry_with_an_option_of_the_hosts(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, MAPPED, "lxc.mount.entry = /srv mnt none bind,noatime,create=dir")
    shutil.chown(lxc.rootfs(name), 100000, 100000)
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: nothing can be mounted on mnt/..: it is the root\n"
    "  set in {path}/{name}/config:32\n"
    "  lxc.rootfs.path says what the root is; what else is to be seen needs a directory in it",
)
def entry_on_the_root(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.mount.entry = /srv mnt/.. none bind\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot run /sbin/init in the container: No such file or directory\n"
    "  {path}/{name}/rootfs has no /sbin/init, or lacks the interpreter or dynamic loader that it names",
)
def rootfs_without_init(lxc: Lxc, name: str) -> list[str]:
    (lxc.rootfs(name) / "sbin/init").unlink()
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: nothing says what the container's init is: without lxc.rootfs.path it would be this host's own "
    "/sbin/init, at work on the host's own files\n"
    "  set lxc.rootfs.path; or what is to run on the host's files: lxc.init.cmd, or a command after the options",
)
def no_root_and_no_init(lxc: Lxc, name: str) -> list[str]:
    lxc.config(name).write_text("lxc.net.0.type = empty\nlxc.uts.name = web\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot run /sbin/init in the container: Permission denied\n"
    "  /sbin/init in {path}/{name}/rootfs is not an executable file, or lies on a mount without exec",
)
def init_that_is_no_program(lxc: Lxc, name: str) -> list[str]:
    (lxc.rootfs(name) / "sbin/init").unlink()
    (lxc.rootfs(name) / "sbin/init").write_text("hello")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot run /sbin/init in the container: Exec format error\n"
    "  /sbin/init in {path}/{name}/rootfs is built for another kind of machine, or is a script without a #! line",
)
def init_that_is_a_script_of_no_interpreter(lxc: Lxc, name: str) -> list[str]:
    (lxc.rootfs(name) / "sbin/init").unlink()
    (lxc.rootfs(name) / "sbin/init").write_text("echo hello\n")
    (lxc.rootfs(name) / "sbin/init").chmod(0o755)
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot mount --rbind -o noatime {path}/{name}/rootfs {path}/{name}/rootfs: Operation not permitted\n"
    "  set in {path}/{name}/config:34\n"
    "  a container with ids of its own changes neither how access times are kept (noatime, strictatime, relatime), "
    "nor takes away what the host's mount forbids: leave that out",
)
def root_with_ids_of_its_own_and_an_option_of_the_hosts(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, MAPPED, "lxc.rootfs.options = noatime")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot run /sbin/init in the container: No such file or directory\n"
    "  {path}/{name}/rootfs has no /sbin/init, or lacks the interpreter or dynamic loader that it names",
)
def init_without_interpreter(lxc: Lxc, name: str) -> list[str]:
    (lxc.rootfs(name) / "sbin/init").unlink()
    (lxc.rootfs(name) / "sbin/init").write_text("#!/bin/nonexistent\n")
    (lxc.rootfs(name) / "sbin/init").chmod(0o755)
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: {path}/{name}/config:32: lxc.init.cmd: expected a closing ' in \"/bin/sh -c 'x\"\n  close the quote",
)
def init_with_an_open_quote(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.init.cmd = /bin/sh -c 'x\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: -s lxc.init.cmd=a 'b: lxc.init.cmd: expected a closing ' in \"a 'b\"\n  close the quote",
)
def plan_for_an_init_with_an_open_quote(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "--dry-run", "-s", "lxc.init.cmd=a 'b")


@mistake(
    1,
    "lxc-execute: {name}: -s lxc.execute.cmd=a 'b: lxc.execute.cmd: expected a closing ' in \"a 'b\"\n  close the quote",
)
def command_with_an_open_quote(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-execute", "-n", name, "-s", "lxc.execute.cmd=a 'b"]


@mistake(
    1,
    "lxc-start: {name}: {path}/{name}/config:32: lxc.init.cmd: expected a program, got \"''  x\"\n  name the program",
)
def init_without_a_name(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.init.cmd = ''  x\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot cd /etc/passwd: Not a directory: /etc/passwd\n"
    "  set in -s lxc.init.cwd=/etc/passwd\n"
    "  lxc.init.cwd must be a directory of the container",
)
def working_directory_that_is_a_file(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "-s", "lxc.init.cwd=/etc/passwd")


@mistake(
    1,
    "lxc-start: {name}: cannot mount -t devpts -o nosuid,noexec,gid=5,ptmxmode=0666,mode=0620,max=1048577 devpts /dev/pts: "
    "Invalid argument\n  set in -s lxc.pty.max=1048576\n  lxc.pty.max and lxc.tty.max may be 1048576 together",
)
def more_terminals_than_there_can_be(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "-s", "lxc.tty.max=1", "-s", "lxc.pty.max=1048576")


# ---- mounts -----------------------------------------------------------------------------------------------------------


@mistake(
    1,
    "lxc-start: {name}: cannot mount --bind /nonexistent/data data: No such file or directory: /nonexistent/data\n"
    "  set in {path}/{name}/config:32\n"
    "  make /nonexistent/data on the host, or add optional to the entry",
)
def mount_of_what_is_not_there(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.mount.entry = /nonexistent/data data none bind,create=dir\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot mkdir -p /dev/../x: /.. leads out of the directory that it is to be in\n"
    "  set in {path}/{name}/config:32\n"
    "  lxc.tty.dir must name a directory of /dev itself: what leads out of it, or is mounted in it, will not do",
)
def directory_of_ttys_outside_dev(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.tty.dir = ../x\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot bind the console to /dev/pts/console and /dev/console: Invalid cross-device link\n"
    "  set in {path}/{name}/config:32\n"
    "  lxc.tty.dir must name a directory of /dev itself: what leads out of it, or is mounted in it, will not do",
)
def directory_of_ttys_that_is_a_mount(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.tty.dir = pts\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot mount --bind /etc data: No such file or directory: data\n"
    "  set in {path}/{name}/config:32\n"
    "  the container has no data: make it, or add create=dir or create=file to the entry",
)
def mount_onto_what_is_not_there(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.mount.entry = /etc data none bind\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot mount --bind /tmp data: /data is a symbolic link; links are not followed\n"
    "  set in {path}/{name}/config:32\n"
    "  links in the container's root are not followed: remove it, or choose another target",
)
def mount_through_a_link(lxc: Lxc, name: str) -> list[str]:
    (lxc.rootfs(name) / "data").symlink_to("/etc")
    lxc.extend(name, "lxc.mount.entry = /tmp data none bind\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot mkdir -p proc: /proc is a symbolic link; links are not followed\n"
    "  set in {path}/{name}/config:24\n"
    "  links in the container's root are not followed: remove it, or choose another target",
)
def proc_that_is_a_link(lxc: Lxc, name: str) -> list[str]:
    (lxc.rootfs(name) / "proc").rmdir()
    (lxc.rootfs(name) / "proc").symlink_to("tmp")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot mount -t nofs none data: No such device: nofs\n"
    "  set in {path}/{name}/config:32\n"
    "  this kernel has no file system called nofs: load its module, or correct the entry",
)
def mount_of_an_unknown_file_system(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.mount.entry = none data nofs create=dir\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot mount -t tmpfs -o size=big none data: Invalid argument (tmpfs: Bad value for 'size')\n"
    "  set in {path}/{name}/config:32\n"
    "  the file system does not take one of these options",
)
def mount_with_a_wrong_option(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.mount.entry = none data tmpfs size=big,create=dir\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot read lxc.mount.fstab /nonexistent/fstab: No such file or directory\n"
    "  set in {path}/{name}/config:32",
)
def fstab_that_is_not_there(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.mount.fstab = /nonexistent/fstab\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: {path}/fstab:2: expected 'source target type [options]', got 2 fields in '/etc data'",
)
def fstab_with_a_broken_line(lxc: Lxc, name: str) -> list[str]:
    (lxc.path / "fstab").write_text("# ok\n/etc data\n")
    lxc.extend(name, f"lxc.mount.fstab = {lxc.path}/fstab\n")
    return start(lxc, name)


OUT_OF_THE_ROOT = (
    "lxc-start: {name}: cannot mkdir -p ../../x: /.. leads out of the directory that it is to be in\n"
    "  set in {path}/{name}/config:32\n"
    "  the target leads out of the container's root: write it without .."
)


@mistake(1, OUT_OF_THE_ROOT)
def mount_out_of_the_root(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.mount.entry = /etc ../../x none bind,create=dir\n")
    return start(lxc, name)


# ---- terminals, namespaces, files of the monitor ----------------------------------------------------------------------


@mistake(
    1,
    "lxc-start: {name}: cannot open the console's peer /etc/passwd: it is not a terminal\n  set in command line",
)
def console_that_is_no_terminal(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "-c", "/etc/passwd")


@mistake(
    1,
    "lxc-start: {name}: cannot open the console's log file /nonexistent/console.log: No such file or directory\n"
    "  set in command line",
)
def console_log_without_directory(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "-L", "/nonexistent/console.log")


@mistake(
    1,
    "lxc-start: {name}: cannot share the net namespace of nobody: nobody is not running\n  set in command line",
)
def network_of_a_stopped_container(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "--share-net", "nobody")


WHAT_TO_SHARE = "  name a container that runs, the pid of a process, or the file of such a namespace"


@mistake(
    1,
    "lxc-start: {name}: cannot share the net namespace /proc/999999999/ns/net: No such file or directory\n"
    f"  set in -s lxc.namespace.share.net=999999999\n{WHAT_TO_SHARE}",
)
def network_of_no_process(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "-s", "lxc.namespace.share.net=999999999")


@mistake(
    1,
    "lxc-start: {name}: cannot share the net namespace /etc/passwd: it is no net namespace\n"
    f"  set in {{path}}/{{name}}/config:32\n{WHAT_TO_SHARE}",
)
def network_of_a_file(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.namespace.share.net = /etc/passwd\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot share the net namespace /proc/self/ns/uts: it is no net namespace\n"
    f"  set in -s lxc.namespace.share.net=/proc/self/ns/uts\n{WHAT_TO_SHARE}",
)
def network_that_is_a_namespace_of_another_kind(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "-s", "lxc.namespace.share.net=/proc/self/ns/uts")


@mistake(
    1,
    "lxc-start: {name}: cannot make the network device lxc.net.1: no network device can be called a/b\n"
    "  set in {path}/{name}/config:33\n"
    "  a name has no slash, colon or blank in it, and is not . or .., all or default",
)
def network_device_with_a_slash(lxc: Lxc, name: str) -> list[str]:
    lxc.extend(name, "lxc.net.1.type = veth\nlxc.net.1.name = a/b\n")
    return start(lxc, name)


@mistake(
    1,
    "lxc-start: {name}: cannot write the pid file /nonexistent/pid: No such file or directory",
)
def pid_file_without_directory(lxc: Lxc, name: str) -> list[str]:
    return start(lxc, name, "-p", "/nonexistent/pid")


@mistake(
    255,
    "lxc-init: cannot run /bin/nonexistent: No such file or directory",
)
def command_that_is_not_there(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-execute", "-n", name, "--", "/bin/nonexistent"]


@mistake(
    1,
    "lxc-execute: {name}: there is no command to execute\n  give one after --, or set lxc.execute.cmd",
)
def execution_of_nothing(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-execute", "-n", name]


# ---- looking at and ending what does not run --------------------------------------------------------------------------


@mistake(2, "lxc-stop: {name}: {name} is not running")
def stop_of_a_stopped_container(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-stop", "-n", name]


@mistake(
    1,
    "lxc-freeze: {name}: {name} is not running",
)
def freezing_of_a_stopped_container(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-freeze", "-n", name]


@mistake(1, "lxc-attach: {name}: {name} is not running")
def attaching_to_a_stopped_container(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-attach", "-n", name, "--", "true"]


@mistake(1, "nobody doesn't exist")
def information_on_nobody(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-info", "-n", "nobody"]


# ---- making and unmaking ----------------------------------------------------------------------------------------------


@mistake(
    1,
    'lxc-create: {name}: Container "{name}" already exists in "{path}"',
)
def creation_of_what_exists(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-create", "-n", name, "-t", "busybox"]


@mistake(
    1,
    'lxc-create: new: Template "nonexistent" not found\n  there are: …',
)
def unknown_template(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-create", "-n", "new", "-t", "nonexistent"]


@mistake(
    1,
    "no mirror answers\n"
    "lxc-create: new: the template {path}/template ended with status 3\n"
    "  what it printed above may tell why",
)
def template_that_fails(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-create", "-n", "new", "-t", template(lxc, "echo no mirror answers >&2; exit 3")]


@mistake(
    1,
    "lxc-create: new: the template {path}/template was killed by signal 9\n  what it printed above may tell why",
)
def template_that_is_killed(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-create", "-n", "new", "-t", template(lxc, "kill -9 $$")]


@mistake(
    1,
    "lxc-create: new: {path}/new/config:8:1: lxc.nonsense: unknown key; did you mean lxc.console.size?\n"
    "  the template {path}/template wrote that",
)
def template_that_breaks_the_configuration(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-create", "-n", "new", "-t", template(lxc, 'echo "lxc.nonsense = 1" >> "${1#--path=}/config"')]


@mistake(
    1,
    "lxc-create: new: zfs cannot be a new container's storage: this version does not make it\n"
    "  it makes dir, btrfs, overlay, overlayfs, loop, lvm; what was made otherwise can be named by lxc.rootfs.path",
)
def storage_that_is_not_built(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-create", "-n", "new", "-t", "none", "-B", "zfs"]


@mistake(
    1,
    "lxc-create: --dir should use absolute path, got '.'\nlxc-create: could not parse command line",
)
def relative_directory_for_the_root(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-create", "-n", "new", "-t", "none", "--dir", "."]


@mistake(
    1,
    "lxc-create: new: {path}/bad.conf:1:1: lxc.utsname: unknown key since LXC 2.1; did you mean lxc.uts.name?\n"
    "  lxc-update-config -c {path}/bad.conf gives all old keys in it the names they have now",
)
def configuration_for_creation_that_is_wrong(lxc: Lxc, name: str) -> list[str]:
    (lxc.path / "bad.conf").write_text("lxc.utsname = x\n")
    return ["lxc-create", "-n", "new", "-t", "none", "-f", str(lxc.path / "bad.conf")]


@mistake(
    1,
    "lxc-destroy: {name}: {name} is running\n  lxc-destroy -f stops it first",
)
def destruction_of_a_running_container(lxc: Lxc, name: str) -> list[str]:
    lxc.start(name)
    return ["lxc-destroy", "-n", name]


@mistake(
    1,
    "lxc-destroy: nobody: Container is not defined\n  there is no {path}/nobody/config",
)
def destruction_of_nobody(lxc: Lxc, name: str) -> list[str]:
    return ["lxc-destroy", "-n", "nobody"]


@mistake(
    1,
    "lxc-destroy: alias: {path}/alias is a symbolic link: neither it nor what it leads to is removed",
)
def destruction_through_a_link(lxc: Lxc, name: str) -> list[str]:
    (lxc.path / "alias").symlink_to(lxc.path / name)
    return ["lxc-destroy", "-n", "alias"]


# ---- the test ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("prepare", "status", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_user_is_told_and_nothing_is_left(lxc: Lxc, prepare: Prepare, status: int, said: str) -> None:
    name = lxc.create()
    argv = prepare(lxc, name)
    was_running, files = name in lxc.ok("lxc-ls", "-1", "--active").split(), files_of(lxc)
    done = lxc.run(*argv)
    told = done.stderr.rstrip("\n").replace(str(lxc.path), "{path}").replace(name, "{name}")
    if said.endswith("…"):  # the rest depends on this host
        told, said = told[: len(said) - 1], said[:-1]
    assert (done.returncode, told) == (status, said)
    assert len(told.splitlines()) <= 5
    assert was_running or not lxc.leftovers()
    assert files_of(lxc) == files


def files_of(lxc: Lxc) -> set[str]:
    """All files of the container path, but those that failures may write (logs) and mount points below a root."""
    paths = (path.relative_to(lxc.path) for path in lxc.path.rglob("*") if path.suffix != ".log")
    return {str(path) for path in paths if "rootfs" not in path.parent.parts}
