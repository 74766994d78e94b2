"""The files that a configuration mentions.  Rules ask about them, and whoever makes a `Host` has looked at them before."""

from __future__ import annotations

from lxc.config.lines import assignment
from lxc.values import mount, words
from lxc.values.plain import PATH_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.config.container import Config
    from lxc.config.rules.rule import Subject
    from lxc.values.mount import MountEntry

ON_HOST = ("pre-start", "pre-mount", "mount", "autodev", "start-host", "stop", "post-stop", "clone", "destroy")
LOGS = ("lxc.console.logfile", "lxc.log.file")
_INIT = "/sbin/init"
MOUNTED = ("proc", "sys")  # by lxc.mount.auto, over whatever the root has


def mentioned(it: Subject) -> set[str]:
    """Paths of the host whose files rules ask about; links are followed."""
    config = it.config
    found = {
        config.seccomp_profile,
        config.console_logfile,
        config.log_file,
        config.console_path,
        config.mount_fstab,
        above(config.console_logfile),
        *it.files,
    }
    found |= {program for _, _, program in programs(config)}
    found |= {entry.source for entry, _ in entries(it) if entry.bind and not entry.relative}
    found |= {value for _, value in included_directories(it)}
    if config.rootfs_path.driver in ("", "dir"):
        found.add(config.rootfs_path.path)
    return {path for path in found if path.startswith("/") and "\0" not in path}


def targets(it: Subject) -> set[str]:
    """Paths below the container's root that rules ask about, without leading slash; links are not followed."""
    below = (init(it), *(target(it, entry) for entry, _ in entries(it)))
    return {
        path for path in below if path and len(path) < PATH_MAX and ".." not in path.split("/") and "\0" not in path
    }


def init(it: Subject) -> str:
    """The path of the program that lxc-start runs, below the container's root without leading slash; "" if that is not a path."""
    try:
        program = words.split(it.config.init_cmd)[0] if it.config.init_cmd else _INIT
    except (ValueError, IndexError):
        return ""
    return program.strip("/") if program.startswith("/") else ""


def above(path: str) -> str:
    """The directory that the file at `path` is in."""
    return path.rpartition("/")[0] or "/" if "/" in path else ""


def root(it: Subject) -> str:
    """The directory that is the container's root; "" if it is none, or not a directory's path."""
    path = it.config.rootfs_path
    return path.path if path.driver in ("", "dir") and path.path.startswith("/") else ""


def programs(config: Config) -> Iterator[tuple[str, str, str]]:
    """(key, where, program) of each hook and script that runs a file of the host by its path."""
    commands = [
        (f"lxc.hook.{name}", where, command)
        for name in ON_HOST
        for command, where in zip(
            getattr(config, f"hook_{name.replace('-', '_')}"), config.places(f"lxc.hook.{name}"), strict=True
        )
    ]
    for number, net in config.net.items():
        for name, command in (("script.up", net.script_up), ("script.down", net.script_down)):
            key = f"lxc.net.{number}.{name}"
            commands += [(key, where, command) for where in config.places(key)]
    for key, where, command in commands:
        try:
            program = words.split(command)[0]
        except (ValueError, IndexError):
            continue
        if program.startswith("/"):
            yield key, where, program


def entries(it: Subject) -> Iterator[tuple[MountEntry, str]]:
    """All lines of mounts with their places: those of the file that lxc.mount.fstab names, then lxc.mount.entry."""
    path = it.config.mount_fstab
    for number, line in fstab_lines(it):
        try:
            yield mount.parse(line), f"{path}:{number}"
        except ValueError:
            continue  # a rule of its own says so
    yield from zip(it.config.mount_entry, it.config.places("lxc.mount.entry"), strict=True)


def fstab_lines(it: Subject) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(it.host.texts.get(it.config.mount_fstab, "").split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def target(it: Subject, entry: MountEntry) -> str | None:
    """Where below the container's root `entry` is mounted; None if LXC leaves it out, for it is not below it."""
    if not entry.target.startswith("/"):
        return entry.target.strip("/")
    for top in (it.config.rootfs_path.path.rstrip("/"), f"{above(it.files[0])}/rootfs"):
        if top and f"{entry.target}/".startswith(f"{top}/"):
            return entry.target[len(top) :].strip("/")
    return None


def included_directories(it: Subject) -> Iterator[tuple[str, str]]:
    """(where, path) of each line that includes a directory."""
    for where, text in it.texts.items():
        key, value = assignment(text) if "include" in text else ("", "")
        if key == "lxc.include" and value.endswith("/"):
            yield where, value
