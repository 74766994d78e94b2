"""Rules about files: those that are not there, are of another kind, or belong to somebody else."""

from __future__ import annotations

from lxc.config.rules import paths
from lxc.config.rules.rule import ERROR, NOTE, WARNING, File, Found, Rule, Subject
from lxc.values import mount
from lxc.values.plain import PATH_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxc.values.mount import MountEntry

_EXECUTE, _WRITE_GROUP, _WRITE_OTHERS = 0o111, 0o020, 0o002
_RELATIVE = ("lxc.mount.fstab", "lxc.seccomp.profile", "lxc.console.logfile", "lxc.log.file", "lxc.rootfs.mount")


def _no_root(it: Subject) -> Iterator[Found]:
    path = it.config.rootfs_path
    if path.driver not in ("", "dir"):
        return
    file = it.host.file(path.path)
    if it.host.is_missing(path.path):
        yield it.at("lxc.rootfs.path", f"{path.path} does not exist", path.path)
    elif file and file.kind != "directory" and path.driver == "dir":
        yield it.at("lxc.rootfs.path", f"{path.path} is no directory, but a {file.kind}", path.path)


def _relative(it: Subject) -> Iterator[Found]:
    config = it.config
    values = [(key, config.get_item(key)) for key in it.set_keys(_RELATIVE)]
    if config.rootfs_path.driver in ("", "dir") and config.rootfs_path.path:
        values.append(("lxc.rootfs.path", config.rootfs_path.path))
    for key, value in values:
        if value and not value.startswith("/"):
            yield it.at(key, f"{value} is looked for in the directory that the container is started from", value)


def _no_text(key: str) -> Callable[[Subject], Iterator[Found]]:
    """What finds that there is no file where `key` says."""

    def check(it: Subject) -> Iterator[Found]:
        path = it.config.get_item(key)
        file = it.host.file(path)
        if it.host.is_missing(path):
            yield it.at(key, f"{path} does not exist")
        elif file and file.kind == "directory":
            yield it.at(key, f"{path} is no file, but a directory")

    return check


def _fstab_line(it: Subject) -> Iterator[Found]:
    for number, line in paths.fstab_lines(it):
        try:
            mount.parse(line)
        except ValueError as error:
            yield Found(f"{it.config.mount_fstab}:{number}", str(error), getattr(error, "part", ""))


def _no_hook(it: Subject) -> Iterator[Found]:
    for key, where, program in paths.programs(it.config):
        if it.host.is_missing(program):
            yield Found(where, f"{key}: {program} does not exist", program)


def _not_executable(it: Subject) -> Iterator[Found]:
    for key, where, program in paths.programs(it.config):
        file = it.host.file(program)
        if file and (file.kind != "file" or not file.mode & _EXECUTE):
            why = "may not be executed" if file.kind == "file" else f"is no program, but a {file.kind}"
            yield Found(where, f"{key}: {program} {why}", program)


def _is_open(it: Subject, file: File | None) -> str:
    """Who but the owner of the containers may change `file`, "" if nobody may."""
    if file is None:
        return ""
    if file.uid not in (0, it.host.uid):
        return f"user {file.uid}, who owns it"
    if file.mode & _WRITE_OTHERS and file.kind != "directory":
        return "everybody"
    return f"the group {file.gid}" if file.mode & _WRITE_GROUP and file.gid not in (0, it.host.uid) else ""


def _open_hook(it: Subject) -> Iterator[Found]:
    for key, where, program in paths.programs(it.config):
        who = _is_open(it, it.host.file(program))
        if who:
            yield Found(where, f"{key}: {program} can be changed by {who}", program)


def _open_config(it: Subject) -> Iterator[Found]:
    for path in it.files:
        who = _is_open(it, it.host.file(path))
        if who:
            yield Found(path, f"{path} can be changed by {who}")


def _seccomp_line(it: Subject) -> Iterator[Found]:
    return (Found(where, what) for where, what in it.host.mistakes)


def _no_terminal(it: Subject) -> Iterator[Found]:
    path = it.config.console_path
    file = it.host.file(path)
    if it.host.is_missing(path):
        yield it.at("lxc.console.path", f"{path} does not exist")
    elif file and file.kind != "character":
        yield it.at("lxc.console.path", f"{path} is no terminal, but a {file.kind}")


def _no_log_directory(it: Subject) -> Iterator[Found]:
    directory = paths.above(it.config.console_logfile)
    if it.host.is_missing(directory):
        yield it.at("lxc.console.logfile", f"there is no directory {directory}", directory)


def _log_is_directory(it: Subject) -> Iterator[Found]:
    for key in it.set_keys(paths.LOGS):
        file = it.host.file(it.config.get_item(key))
        if file and file.kind == "directory":
            yield it.at(key, f"{it.config.get_item(key)} is no file, but a directory")


def _no_init(it: Subject) -> Iterator[Found]:
    path, key = paths.init(it), "lxc.init.cmd" if it.config.init_cmd else "lxc.rootfs.path"
    file = it.host.file(f"{paths.root(it)}/{path}")
    if not path or any(paths.target(it, entry) in _prefixes(path) for entry, _ in paths.entries(it)):
        return
    if it.host.is_missing(f"{paths.root(it)}/{path}"):
        yield it.at(key, f"the container has no /{path}", f"/{path}")
    elif file and (file.kind not in ("file", "link") or (file.kind == "file" and not file.mode & _EXECUTE)):
        yield it.at(key, f"/{path} in the container is no program", f"/{path}")


def _no_included_directory(it: Subject) -> Iterator[Found]:
    for where, directory in paths.included_directories(it):
        if it.host.is_missing(directory):
            yield Found(where, f"there is no directory {directory}: nothing is included", directory)


def _binds(it: Subject) -> Iterator[tuple[MountEntry, str]]:
    return ((entry, where) for entry, where in paths.entries(it) if entry.bind)


def _no_source(it: Subject) -> Iterator[Found]:
    for entry, where in _binds(it):
        if not entry.optional and not entry.relative and it.host.is_missing(entry.source):
            yield Found(where, f"{entry.source} does not exist on this host", entry.source)


def _relative_source(it: Subject) -> Iterator[Found]:
    for entry, where in _binds(it):
        if not entry.relative and not entry.idmap and not entry.source.startswith("/"):
            yield Found(where, f"{entry.source} is looked for in the directory that the container is started from",
                        entry.source)  # fmt: skip


def _no_target(it: Subject) -> Iterator[Found]:
    root = paths.root(it)
    covered = {name for name in paths.MOUNTED if getattr(it.config.mount_auto, name)}
    covered |= {"dev"} if it.config.autodev else set()
    for entry, where in paths.entries(it):
        target = paths.target(it, entry)
        if not target:
            continue
        is_covered = not covered.isdisjoint(_prefixes(target))
        if not is_covered and not entry.optional and not entry.create and it.host.is_missing(f"{root}/{target}"):
            yield Found(where, f"the container has no /{target}", entry.target)
        covered.add(target)


def _prefixes(path: str) -> list[str]:
    """`path` and the directories above it, the outermost first; nothing of one that no file can have."""
    parts = path.split("/") if len(path) < PATH_MAX else []
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _linked_target(it: Subject) -> Iterator[Found]:
    root = paths.root(it)
    for entry, where in paths.entries(it):
        for path in _prefixes(paths.target(it, entry) or "") if root and not entry.optional else ():
            file = it.host.file(f"{root}/{path}")
            if path and file and file.kind == "link":
                message = f"/{path} in the container is a symbolic link, and links are not followed"
                yield Found(where, message, entry.target)
                break


def _target_outside(it: Subject) -> Iterator[Found]:
    for entry, where in paths.entries(it):
        if it.config.rootfs_path.path and paths.target(it, entry) is None:
            yield Found(where, f"{entry.target} is not below the root file system: this is left out", entry.target)


def _other_kind(it: Subject) -> Iterator[Found]:
    for entry, where in _binds(it):
        file = it.host.file(entry.source)
        if not file or entry.relative or not entry.create:
            continue
        if (file.kind == "directory") != (entry.create == "dir"):
            wanted = "dir" if file.kind == "directory" else "file"
            yield Found(where, f"{entry.source} is a {file.kind}: it cannot be mounted on a new {entry.create}; "
                        f"expected create={wanted}", f"create={entry.create}")  # fmt: skip


def _more_fields(it: Subject) -> Iterator[Found]:
    for entry, where in paths.entries(it):
        rest = entry.text.split()[4:]
        if len(rest) > 2 or not all(field.isdecimal() for field in rest):
            extra = next((field for field in rest if not field.isdecimal()), rest[-1])
            yield Found(where, f"text after the options is passed over: {' '.join(rest)}", extra)


def _owner(it: Subject) -> Iterator[Found]:
    path = paths.root(it)
    file = it.host.file(path)
    if not file or file.kind != "directory" or it.config.rootfs_options.idmap:
        return
    maps = [each for each in it.config.idmap if each.kind == "u" and each.inside == 0]
    root = maps[0].outside if maps else it.host.uid
    if file.uid != root and (maps or it.is_privileged):
        yield it.at("lxc.rootfs.path", f"{path} belongs to user {file.uid}, the container's root is {root}", path)


RULES = (
    Rule("rootfs-missing", ERROR, "The container's root file system must exist.",
         "Correct lxc.rootfs.path, or make it.", _no_root),
    Rule("relative-path", WARNING, "A relative path means another file in every directory.", "Write the whole path.",
         _relative),
    Rule("fstab-missing", ERROR, "The file of mounts must exist.", "Correct lxc.mount.fstab, or leave it out.",
         _no_text("lxc.mount.fstab")),
    Rule("fstab-line", ERROR, "A line of the file of mounts cannot be read.",
         "Write 'source target type options', as in fstab(5).", _fstab_line),
    Rule("hook-missing", ERROR, "A hook that cannot be run fails, and so does the start.",
         "Correct its path, or leave it out.", _no_hook),
    Rule("hook-not-executable", ERROR, "A hook that may not be executed fails, and so does the start.",
         "chmod +x it.", _not_executable),
    Rule("hook-writable", ERROR, "Who can change a hook can do anything as who starts the container.",
         "chown and chmod it so that only root, or who starts the container, can write it.", _open_hook),
    Rule("config-writable", ERROR, "Who can change the configuration can do anything as who starts the container.",
         "chown and chmod it so that only root, or who starts the container, can write it.", _open_config),
    Rule("seccomp-missing", ERROR, "The file of rules for system calls must exist.",
         "Correct lxc.seccomp.profile, or leave it out.", _no_text("lxc.seccomp.profile")),
    Rule("seccomp-line", ERROR, "A policy of system calls that is wrong keeps the container from starting.",
         "Correct it: each line is a system call, and perhaps an action and comparisons.", _seccomp_line),
    Rule("console-missing", ERROR, "The console must be a terminal of the host.",
         "Name a terminal, or none.", _no_terminal),
    Rule("log-directory-missing", ERROR, "The console's log file is made, the directory it is in is not.",
         "Make it.", _no_log_directory),
    Rule("log-is-directory", ERROR, "A log needs a file.", "Name one in that directory.", _log_is_directory),
    Rule("init-missing", WARNING, "lxc-start has no program to run; lxc-execute has its own.",
         "Correct lxc.init.cmd, or put the program into the root file system.", _no_init, of_whole=True),
    Rule("include-directory-missing", NOTE, "A directory of additions may be missing.",
         "Make it, or leave the line out.", _no_included_directory),
    Rule("mount-source-missing", ERROR, "What is to be mounted must exist.",
         "Make it, or add optional.", _no_source),
    Rule("mount-source-relative", WARNING, "A relative source is another file in every directory.",
         "Write the whole path, or add relative if it is below the container's root.", _relative_source),
    Rule("mount-target-missing", ERROR, "A mount needs a directory or file in the container to be mounted on.",
         "Make it there, or add create=dir or create=file.", _no_target),
    Rule("mount-target-link", ERROR, "Links in a container's root are not followed: they could lead out of it.",
         "Name the directory that the link leads to.", _linked_target),
    Rule("mount-target-outside", WARNING, "An absolute target that is not below the root file system is passed over.",
         "Write it without the leading slash.", _target_outside),
    Rule("mount-kind", ERROR, "A directory is mounted on a directory, anything else on a file.",
         "Write create=dir for a directory, create=file for anything else.", _other_kind),
    Rule("mount-trailing-text", ERROR, "A mount has four fields, and perhaps two numbers, which mean nothing.",
         "Write \\040 for a blank in a name; leave blanks between options out.", _more_fields),
    Rule("rootfs-owner", WARNING, "The container's root cannot change a root directory that is not its own.",
         "chown it, and all below it, as the ids are mapped.", _owner),
)  # fmt: skip
