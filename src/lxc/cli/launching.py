"""What lxc-start and lxc-execute share: the options that change the configuration of one run."""

from __future__ import annotations

import os

from lxc import log
from lxc.cli.options import Arguments, switch, text, texts
from lxc.config.lines import unquoted
from lxc.errors import LxcError
from lxc.runtime import container_log
from lxc.runtime.starting.start import Order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config

SHARED = ("net", "ipc", "uts", "pid")


class LaunchArguments(Arguments):
    rcfile = text(
        "rcfile", "f", "FILE", "Use FILE, not the container's own configuration; the container need not exist."
    )
    defines = texts("define", "s", "KEY=VALUE", "Set a configuration item for this run; can be repeated.")
    share_net = text("share-net", "", "NAME|PID", "Share the network namespace of a container or process.")
    share_ipc = text("share-ipc", "", "NAME|PID", "Share the IPC namespace of a container or process.")
    share_uts = text("share-uts", "", "NAME|PID", "Share the UTS namespace of a container or process.")
    share_pid = text("share-pid", "", "NAME|PID", "Share the PID namespace of a container or process.")
    foreground = switch("foreground", "F", "Stay, with the container's console on this terminal, until it ends.")
    daemon = switch("daemon", "d", "Return as soon as the container runs.")


def configured(arguments: LaunchArguments, extra: dict[str, str]) -> Config:
    """The configuration for this run: the file's, with `extra`, --define and --share-… over it.

    Raises ConfigError, LxcError.
    """
    config = arguments.config
    for kind in SHARED:
        if value := getattr(arguments, f"share_{kind}"):
            extra = {**extra, f"lxc.namespace.share.{kind}": value}
    for key, value in extra.items():
        config = _assign(config, key, value, "command line")
    for definition in arguments.defines:
        key, equals, value = definition.partition("=")
        if not equals:
            raise LxcError(f"-s {definition}: expected KEY=VALUE")
        config = _assign(config, key.strip(), unquoted(value.strip()), f"-s {definition}")
    return config


def warn(tool: str, arguments: LaunchArguments) -> None:
    """Tell of the lines of the configuration that do nothing, or not what they seem to."""
    for warning in arguments.warnings:
        tell(tool, arguments, warning)


def tell(tool: str, arguments: LaunchArguments, warning: str) -> None:
    """Print the `warning`, unless nothing is to be printed, or nobody reads it."""
    if arguments.quiet:
        return
    from lxc.cli import output

    try:
        output.lines([f"{tool}: {arguments.name}: warning: {warning}"], output.STDERR)
    except OSError as error:
        log.debug(f"nobody reads what is warned of: {error}")


def open_log(tool: str, arguments: LaunchArguments, config: Config) -> None:
    """Log as lxc.log.* say, where the command line says nothing."""
    is_chosen = bool(arguments.logfile) or arguments.logpriority >= 0
    container_log.open_log(tool, arguments.place, config, is_chosen=is_chosen)


def order(
    arguments: LaunchArguments, config: Config, *, foreground: bool, execute: bool = False, pidfile: str = ""
) -> Order:
    """The start that is wanted."""
    return Order(
        arguments.place,
        config,
        arguments.operands,
        execute=execute,
        foreground=foreground,
        pidfile=pidfile,
        config_file=os.path.abspath(arguments.rcfile) if arguments.rcfile else "",
        logfile="" if arguments.logfile in ("", "none") else os.path.abspath(arguments.logfile),
    )


def close_inherited() -> None:
    """Close every descriptor but the standard ones, the log's, and what a worker has besides those of its client."""
    from lxc import borrowed, trace
    from lxc.kernel import fs

    kept = borrowed.worker.kept if borrowed.worker else ()
    fs.keep_only({*log.descriptors(), trace.descriptor(), *borrowed.descriptors(), *kept})


def _assign(config: Config, key: str, value: str, where: str) -> Config:
    from lxc.config import document

    try:
        return document.assign(config, key, value, where)
    except ValueError as error:
        raise LxcError(f"{where}: {key}: {error}") from error
