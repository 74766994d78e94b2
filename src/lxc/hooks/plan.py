"""Which hooks are run, as which command, with which environment.  Pure."""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MEANING = frozenset(" \t\n'\"\\$`&;|<>()*?[]{}")  # what has some for a shell, wherever it stands
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Hook(Record):
    """A command line for sh(1), run because of `type` ("destroy") of the container `name`.

    lxc.hook.version 0 tells it in arguments what it is, 1 in variables.
    """

    type: str
    command: str
    name: str
    version: int = 0
    environment: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()  # more of them, as they are
    where: str = ""  # file:line
    device: int = -1  # the number of the network device it is run for; -1: of none

    @property
    def script(self) -> str:
        section = "lxc" if self.device < 0 else "net"
        told = map(quoted, (self.name, section, self.type)) if self.version == 0 else ()
        return " ".join(("exec", self.command, *told, *self.arguments))

    def told(self, environment: Mapping[str, str], arguments: tuple[str, ...] = ()) -> Hook:
        """The same hook, with more variables; and with more arguments, if it is told things in arguments."""
        more = arguments if self.version == 0 else ()
        known = {**dict(self.environment), **environment}
        return self.replace(environment=tuple(known.items()), arguments=(*self.arguments, *more))

    def __str__(self) -> str:
        what = "hook" if self.device < 0 else "script"
        return f"run the {self.type} {what} {self.command}"


class Hooks(Record):
    """All hooks of a container's life, in the order of that life; each run in its order."""

    pre_start: tuple[Hook, ...] = ()  # on the host, before anything else
    pre_mount: tuple[Hook, ...] = ()  # of the host, in the container's namespaces: before its root is mounted
    mount: tuple[Hook, ...] = ()  # the same: after all its mounts
    autodev: tuple[Hook, ...] = ()  # the same: before its devices are made
    start: tuple[Hook, ...] = ()  # of the container, in it
    start_host: tuple[Hook, ...] = ()  # on the host, while init waits
    stop: tuple[Hook, ...] = ()  # on the host: init has ended, its namespaces are still there
    post_stop: tuple[Hook, ...] = ()  # on the host: nothing is left but the claim of the name
    net_up: tuple[Hook, ...] = ()  # on the host, each when its network device has been made
    net_down: tuple[Hook, ...] = ()  # on the host, each when its network device is about to go

    def told(self, environment: Mapping[str, str]) -> Hooks:
        """The same hooks, all with more variables."""
        return Hooks(*(tuple(hook.told(environment) for hook in hooks) for hooks in self.__dict__.values()))


def hooks(
    kind: str, commands: Iterable[tuple[str, str]], name: str, version: int, environment: Mapping[str, str]
) -> tuple[Hook, ...]:
    """The hooks of `kind` of the container `name`; `commands` with the places (file:line) they were configured at."""
    told = _told(kind, "lxc", name, version, environment)
    return tuple(Hook(kind, command, name, version, told, (), where) for command, where in commands)


def life(
    commands: Mapping[str, tuple[tuple[str, str], ...]],
    name: str,
    version: int,
    environment: Mapping[str, str],
    own: Iterable[str],
) -> Hooks:
    """The hooks of a life: of each kind its commands with their places.

    `own` are the NAME=VALUE of the container's hooks, for those that are run in its namespaces.  The start hooks are
    programs of the container: all that they are told is here, the others have the starter's environment besides.
    """
    inner = {**environment, **dict(pair.split("=", 1) for pair in own)}

    def of(kind: str, environment: Mapping[str, str]) -> tuple[Hook, ...]:
        return hooks(kind, commands[kind], name, version, environment)

    return Hooks(
        pre_start=of("pre-start", environment),
        pre_mount=of("pre-mount", inner),
        mount=of("mount", inner),
        autodev=of("autodev", inner),
        start=of("start", {"PATH": _PATH, **inner}),
        start_host=of("start-host", environment),
        stop=of("stop", environment),
        post_stop=of("post-stop", environment),
    )


def scripts(
    kind: str, commands: Iterable[tuple[int, str, str]], name: str, version: int, environment: Mapping[str, str]
) -> tuple[Hook, ...]:
    """The scripts of `kind` ("up", "down") of network devices: (number, command, place) of each."""
    told = _told(kind, "net", name, version, environment)
    return tuple(Hook(kind, command, name, version, told, (), where, number) for number, command, where in commands)


def _told(
    kind: str, section: str, name: str, version: int, environment: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    told = {**environment, "LXC_NAME": name, "LXC_HOOK_VERSION": str(version)}
    return tuple({**told, **({"LXC_HOOK_TYPE": kind, "LXC_HOOK_SECTION": section} if version else {})}.items())


def of_device(hook: Hook, kind: str, link: str, pair: str, environment: Mapping[str, str]) -> Hook:
    """The script, told of its device: its type, the host's device it is made of, the host's end of a pair."""
    told = dict(environment)
    if hook.version:
        told |= {"LXC_NET_TYPE": kind}
        told |= {"LXC_NET_PARENT": link} if link and kind in ("macvlan", "phys", "veth") else {}
        told |= {"LXC_NET_PEER": pair} if pair else {}
    return hook.told(told).replace(arguments=(kind, *map(quoted, filter(None, (link, pair)))))


def quoted(word: str) -> str:
    """`word` as one word of a shell command line."""
    return "'" + word.replace("'", "'\\''") + "'"


def program(path: str) -> str:
    """`path` as the command of a hook: as it is, unless a shell would read that otherwise."""
    return path if _MEANING.isdisjoint(path) else quoted(path)
