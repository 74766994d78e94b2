"""lxc-attach: run a command in a running container."""

from __future__ import annotations

from lxc import log
from lxc.cli.options import Arguments, Command, identity, switch, text, texts, value
from lxc.config.brief import Brief
from lxc.config.excerpt import Excerpts
from lxc.errors import LxcError, NotRunning, StateError, UsageError
from lxc.runtime import client
from lxc.runtime.attaching import facts as attach_facts
from lxc.runtime.attaching import run as attach_run
from lxc.runtime.plans.attach import LSM, PRIVILEGES, Wish
from lxc.values import arch, namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.client import Asked
    from lxc.runtime.place import Place

_CALLED = {"MOUNT": "mnt", "PID": "pid", "UTSNAME": "uts", "IPC": "ipc", "USER": "user", "NETWORK": "net"}


def privileges(words: str) -> tuple[str, ...]:
    """CGROUP, CAP and LSM, joined by `|`; nothing is all of them."""
    if not words:
        return PRIVILEGES
    for word in words.split("|"):
        if word not in PRIVILEGES:
            raise ValueError(f"expected {', '.join(PRIVILEGES)} joined by |, got {word!r}")
    return tuple(words.split("|"))


def namespaces(words: str) -> tuple[str, ...]:
    """Namespaces joined by `|`: MOUNT PID UTSNAME IPC USER NETWORK CGROUP TIME, or as the kernel calls them."""
    return tuple(_CALLED.get(word.upper()) or namespace.name(word.lower()) for word in words.split("|"))


def label(word: str) -> str:
    """A label of the host's security module."""
    if not word:
        raise ValueError("expected a label")
    return word


class AttachArguments(Arguments):
    rcfile = text("rcfile", "f", "FILE", "Take lxc.environment from FILE, not from the container's configuration.")
    namespaces = value(
        "namespaces",
        "s",
        "LIST",
        "Join only these namespaces: MOUNT, PID, UTSNAME, IPC, USER, NETWORK, CGROUP, TIME, joined by |. Implies -e.",
        namespaces,
        default=(),
        group="What of the container",
        complete="namespaces",
    )
    elevated = value(
        "elevated-privileges",
        "e",
        "LIST",
        "Do not enter the container's cgroups (CGROUP), keep all capabilities (CAP), do not take its security label "
        "(LSM), joined by |; without LIST all of that. The command may do to the host what it likes.",
        privileges,
        default=None,
        optional=True,
        group="What of the container",
    )
    arch = value(
        "arch",
        "a",
        "ARCH",
        "Architecture that the command is told it runs on (default: the container's).",
        arch.parse,
        default="",
        complete=(*arch.BITS_64, *arch.BITS_32),
        group="What of the container",
    )
    remount = switch(
        "remount-sys-proc",
        "R",
        "Without the mount namespace: give the command /proc and /sys of the namespaces it joins.",
        group="What of the container",
    )
    context = value(
        "context", "c", "LABEL", "Security label to take.", label, default="", group="What of the container"
    )
    uid = value("uid", "u", "UID", "Run the command as user UID.", identity, default=-1, group="Who")
    gid = value("gid", "g", "GID", "Run the command as group GID.", identity, default=-1, group="Who")
    clear_env = switch(
        "clear-env", "", "Begin with an empty environment, with a default PATH.", group="The environment"
    )
    keep_env = switch("keep-env", "", "Begin with ours (this is the default).", group="The environment")
    keep_var = texts("keep-var", "", "NAME", "With --clear-env: keep this variable.", group="The environment")
    set_var = texts("set-var", "v", "NAME=VALUE", "Set this variable.", group="The environment")
    pty_log = text("pty-log", "L", "FILE", "Append all that passes on the terminal to FILE.")


def check(arguments: AttachArguments) -> None:
    if arguments.context and LSM in elevated(arguments):
        raise UsageError("Cannot combine elevated LSM privileges while requesting LSM profile")


def elevated(arguments: AttachArguments) -> tuple[str, ...]:
    """The privileges that are kept."""
    if arguments.elevated is not None:
        return arguments.elevated
    return PRIVILEGES if arguments.namespaces else ()


COMMAND = Command(
    "lxc-attach",
    AttachArguments,
    summary="Runs a command in a running container.",
    description="The command, or else the shell that the container's /etc/passwd gives to its user, joins the "
    "container's namespaces and cgroups and gives up what the container may not do. It has the caller's environment "
    "and, if the container has it, working directory.\n\n"
    "Where standard input, output or error is a terminal, the command gets one of the container's instead: "
    "it never has ours.",
    operands="[-- COMMAND...]",
    containers="running",
    check=check,
    exits=(
        ("N", "What the command ended with, or 128 + the signal that killed it."),
        ("126", "The command could not be executed."),
        ("127", "The command was not found."),
        ("1", "The container does not run, or could not be joined; a message says why."),
    ),
    examples=(
        ("lxc-attach -n web", "Opens a shell in the container."),
        ("lxc-attach -n web --clear-env -- ps ax", "Lists the container's processes."),
        ("lxc-attach -n web -s NETWORK -- ip address", "Runs the host's ip in the container's network."),
    ),
    see_also=("lxc-console(1)", "lxc-execute(1)", "lxc-start(1)"),
)


def run(arguments: AttachArguments) -> int:
    place = arguments.place
    wish = Wish(
        argv=arguments.operands,
        namespaces=arguments.namespaces,
        elevated=elevated(arguments),
        arch=arguments.arch,
        remount_proc_sys=arguments.remount,
        clear_env=arguments.clear_env,
        keep=arguments.keep_var,
        variables=arguments.set_var,
        config_variables=configured(arguments),
        uid=arguments.uid,
        gid=arguments.gid,
        context=arguments.context,
    )
    with _asked(place) as running:
        return attach_run.run(running, wish, arguments.pty_log)


def configured(arguments: AttachArguments) -> tuple[str, ...]:
    """The variables that the configuration sets, of which nothing else is read.  Raises ConfigError."""
    excerpts, path = Excerpts("lxc.environment"), arguments.place.config_file
    config = excerpts.read(path) if arguments.place.is_defined else Brief()
    if arguments.rcfile:
        config = excerpts.read(arguments.rcfile, is_stream=True)
    return *config.environment, *config.environment_runtime


def _asked(place: Place) -> Asked:
    """What its monitor tells those that may attach.  Raises NotRunning, LxcError."""
    try:
        running = attach_facts.ask(place)
        if client.may_control(running):  # LXC's tells its state to everybody
            return running
    except NotRunning:
        raise
    except StateError as error:
        log.debug(str(error))
    raise LxcError(f"Insufficent privileges to control {place.name}")
