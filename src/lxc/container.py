"""Container, the public class: thin verbs over runtime and config.

What python3-lxc's class has, with the same names, arguments and answers: a verb
that does not succeed returns False.  Beyond that, `last_error` keeps the reason,
and the log has it, too.  Programming errors (a wrong type, an unknown key) raise.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.api import attaching, attempt, functions
from lxc.api.checkpoints import Checkpoints
from lxc.api.haste import haste
from lxc.api.interfaces import Interfaces
from lxc.config.settings import Settings
from lxc.errors import LxcError, NotRunning
from lxc.runtime import client
from lxc.runtime.lists import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike
    from typing import Literal, Unpack, overload

    from lxc.api.attaching import Options
else:

    def overload(function):
        return function


class Container(Interfaces, Checkpoints):
    """A container, whether it exists or not.

    A program with several threads gives each its own object.  No method forks the calling process, but for `attach`.
    """

    __module__ = "lxc"

    @property
    def state(self) -> str:
        """STOPPED, STARTING, RUNNING, STOPPING, ABORTING, FREEZING or FROZEN; "" if its monitor does not tell."""
        with self._asking:
            return client.state(self._place)
        return ""

    @property
    def running(self) -> bool:
        """Whether it has a monitor: a frozen container is running."""
        with self._asking:
            return client.is_running(self._place)
        return True

    @property
    def init_pid(self) -> int:
        """The pid of its init, -1 if it is not running."""
        with self._asking:
            return client.init_pid(self._place)
        return -1

    @property
    def controllable(self) -> bool:
        """Whether its monitor obeys us; True if it has none."""
        return client.may_control(self._place)

    # ---- its life --------------------------------------------------------------------------------------------------

    def start(
        self, useinit: bool = False, daemonize: bool = True, close_fds: bool = False, cmd: tuple[str, ...] = ()
    ) -> bool:
        """Start it, with `cmd` instead of lxc.init.cmd.  Return whether it runs (not `daemonize`: whether it ran).

        With `useinit` a small init stays above the command.  Without `daemonize` the container has our terminal, and
        the call returns when it has ended.  The monitor is another process in any case: it inherits no descriptor but
        the standard ones, `close_fds` or not.
        """
        if not isinstance(cmd, tuple):
            raise TypeError(f"cmd must be a tuple, not {type(cmd).__name__}")
        attempt.words(cmd)
        with self._doing:
            from lxc.runtime import spawn
            from lxc.runtime.starting.start import Order

            if not self._settings:
                raise LxcError(f"{self.name} has no configuration", hint="load_config() or create() gives it one")
            order = Order(self._place, self.config, cmd, execute=useinit is True, foreground=daemonize is not True)
            if order.foreground:
                spawn.start(order)
            else:
                with haste:
                    spawn.start(order)
            return True
        return False

    def stop(self) -> bool:
        """Kill it, and wait until it is gone.  A stopped container is fine."""
        with self._doing, haste:
            from lxc.runtime import stop

            stop.kill(self._place)
            return True
        return False

    def shutdown(self, timeout: int = -1) -> bool:
        """Ask its init to shut down, and wait up to `timeout` seconds (-1: forever, 0: not at all).  Return whether it did."""
        attempt.number(timeout)
        with self._doing:
            from lxc.runtime import stop

            return stop.shutdown(self._place, timeout, self.config.signal_halt)
        return False

    def reboot(self) -> bool:
        """Ask its init to reboot.  Return whether it was asked."""
        with self._doing:
            from lxc.runtime import stop

            return stop.reboot(self._place, 0, self.config.signal_reboot)
        return False

    def freeze(self) -> bool:
        """Suspend all its processes.  A frozen container is fine."""
        from lxc.runtime import freeze

        return self._succeeds(freeze.freeze, self._place)

    def unfreeze(self) -> bool:
        """Let its processes go on.  One that is not frozen is fine."""
        from lxc.runtime import freeze

        return self._succeeds(freeze.unfreeze, self._place)

    def wait(self, state: str, timeout: int = -1) -> bool:
        """Wait up to `timeout` seconds (-1: forever, 0: not at all) for `state`, or one of several: `STOPPED|FROZEN`."""
        attempt.texts(state)
        attempt.number(timeout)
        with self._doing:
            from lxc.runtime import wait

            try:
                wanted = wait.states(state.upper())
            except ValueError as error:
                raise LxcError(str(error)) from error
            return wait.wait(self._place, wanted, timeout)
        return False

    def create(
        self,
        template: str | None = None,
        flags: int = 0,
        args: Sequence[str] | Mapping[str, str] = (),
        bdevtype: str | None = None,
        fssize: int = 0,
    ) -> bool:
        """Make it: its configuration, by default that of lxc.default_config, and what the template fills its root with.

        `args` are words for the template, or a mapping of its long options to their values; `bdevtype` is the storage
        ("dir", "btrfs", "overlay", "loop", "best"), `fssize` how many bytes a file system that is made for it has.
        """
        words = _words(args)
        attempt.texts(template or "", bdevtype or "")
        attempt.number(flags)
        attempt.number(fssize, 64)
        if not template:
            return self.defined or self.save_config()
        with self._doing:
            from lxc.runtime import spawn
            from lxc.runtime.disk.create import Recipe
            from lxc.storage.creation import SIZE, Wanted

            wanted = Wanted(size=fssize or SIZE)
            quiet = bool(flags & functions.LXC_CREATE_QUIET)
            recipe = Recipe(template, words, backend=bdevtype or "", is_quiet=quiet, wanted=wanted)
            spawn.create(self._place, recipe, self._settings)
            self._settings = Settings().load(self._place.config_file)
            return True
        return False

    def destroy(self) -> bool:
        """Remove it and its root file system.  A running container is refused."""
        with self._doing:
            from lxc.runtime.disk import destroy

            settings = self._settings or Settings().load(self._place.config_file)
            for sentence in destroy.destroy(self._place, settings.config, destroy.Wish()):
                log.warn(sentence)
            self._settings = None
            return True
        return False

    # ---- while it runs ---------------------------------------------------------------------------------------------

    def get_running_config_item(self, key: str) -> str | None:
        """The value of `key` that it was started with; None if it has none, or does not run."""
        attempt.texts(key)
        with self._asking:
            return client.config_item(self._place, key)
        return None

    def get_cgroup_item(self, key: str) -> str:
        """The text of a file of its cgroups, such as pids.current.  Raises KeyError, from the reason, if there is none."""
        attempt.texts(key)
        from lxc.runtime.changing import cgroup_files

        try:
            return cgroup_files.read(self._place, key)
        except LxcError as error:
            raise KeyError("Invalid cgroup entry") from error

    def set_cgroup_item(self, key: str, value: str) -> bool:
        """Write `value` to a file of its cgroups.  Return whether the kernel took it."""
        attempt.texts(key, value)
        from lxc.runtime.changing import cgroup_files

        return self._succeeds(cgroup_files.write, self._place, key, value)

    def add_device_node(
        self, src_path: str | bytes | PathLike[str], dest_path: str | bytes | PathLike[str] | None = None
    ) -> bool:
        """Give it the host's device `src_path`, at `dest_path` in it (the same path unless given)."""
        paths = attempt.name(src_path), attempt.name_or_none(dest_path)
        from lxc.runtime.changing import nodes

        return self._succeeds(nodes.add, self._place, *paths)

    def remove_device_node(
        self, src_path: str | bytes | PathLike[str], dest_path: str | bytes | PathLike[str] | None = None
    ) -> bool:
        """Take the device at `dest_path` in it (at `src_path` unless given) away, and forbid it."""
        paths = attempt.name(src_path), attempt.name_or_none(dest_path)
        from lxc.runtime.changing import nodes

        return self._succeeds(nodes.remove, self._place, *paths)

    def console_getfd(self, ttynum: int = -1) -> int | bool:
        """The master of tty `ttynum` (0: the console, -1: any that is free), which the caller closes; False if it does not run.

        The tty is reserved until this process ends.  Raises ValueError, from the reason, if it cannot be had.
        """
        attempt.number(ttynum)
        try:
            _, master, lease = client.tty(self._place, ttynum)
        except NotRunning as error:
            self.last_error = error
            return False
        except LxcError as error:
            raise ValueError("Unable to allocate tty") from error
        lease.detach()
        return master

    def console(
        self, ttynum: int = -1, stdinfd: int = 0, stdoutfd: int = 1, stderrfd: int = 2, escape: int = 1
    ) -> bool:
        """Connect our terminal with tty `ttynum` until the user leaves: control key `escape` (1: Ctrl-a), then q."""
        for number in (ttynum, stdinfd, stdoutfd, stderrfd, escape):
            attempt.number(number)
        with self._doing:
            from lxc.terminal import session

            number, master, lease = client.tty(self._place, ttynum)
            try:
                os.write(stderrfd, "".join(f"{line}\n" for line in session.welcome(number, escape)).encode())
                session.run(master, escape, stdinfd, stdoutfd)
            finally:
                os.close(master)
                lease.close()
            return True
        return False

    def attach(
        self, run: Callable[..., object], payload: object = attaching.NOTHING, **options: Unpack[Options]
    ) -> int:
        """Run `run` in it, a child of this process.  Return its pid, to be waited for; a negative number if that fails.

        `run` is lxc.attach_run_command or lxc.attach_run_shell, or a function: it runs in a fork of this process, with
        `payload` if there is one, and its result is the exit status.  Who else has threads should attach commands.
        """
        if not callable(run):
            raise TypeError("attach: object not callable")
        wanted = attaching.checked(options)
        with self._doing:
            return attaching.attach(self._place, run, payload, attaching.wish(wanted, self.config))
        return attaching.refusal(self.last_error)

    def attach_wait(
        self, run: Callable[..., object], payload: object = attaching.NOTHING, **options: Unpack[Options]
    ) -> int:
        """Like `attach`, and wait for it.  Return its status as os.waitpid gives it, or -1 if it ended with 255."""
        if not callable(run):
            raise TypeError("attach_wait: object not callable")
        wanted = attaching.checked(options)
        with self._doing:
            status = attaching.wait(self._place, run, payload, attaching.wish(wanted, self.config))
            return -1 if os.waitstatus_to_exitcode(status) == 255 else status
        return attaching.unwaited(self.last_error)

    def mount(self, source: str, target: str, fstype: str = "", flags: int = 0, data: str = "") -> bool:
        """Mount in it while it runs, as mount(2) would: `flags` are MS_*, `data` options separated by commas.

        With MS_BIND (4096) `source` is a file or a directory of ours; otherwise `fstype` is mounted new.  `target` is
        made if it is missing; no link in it is followed.  LXC's function of this name wants lxc.mount.auto = shmounts.
        Raises ValueError for flags that change a mount that is there.
        """
        attempt.texts(source, target, fstype, data)
        attempt.number(flags, 64)
        from lxc.mounts import injection as injected

        step = injected.step(source, target, fstype, flags, data)
        from lxc.runtime import spawn
        from lxc.runtime.changing import injection

        return self._succeeds(spawn.call, injection.mount, self._place, step)

    def umount(self, target: str, flags: int = 0) -> bool:
        """Unmount `target` in it while it runs: umount2(2), whose flags these are; no link is followed."""
        attempt.texts(target)
        attempt.number(flags)
        from lxc.runtime import spawn
        from lxc.runtime.changing import injection

        return self._succeeds(spawn.call, injection.umount, self._place, target, flags)


def _words(args: Sequence[str] | Mapping[str, str]) -> tuple[str, ...]:
    """A template's arguments; a mapping gives options with values."""
    pairs = getattr(args, "items", None)
    words = tuple(word for key, value in pairs() for word in (f"--{key}", value)) if pairs else tuple(args)
    attempt.words(words)
    return words


@overload
def list_containers(
    active: bool = True, defined: bool = True, as_object: Literal[False] = False, config_path: str | None = None
) -> tuple[str, ...]: ...


@overload
def list_containers(  # noqa: F811  # this `overload` is typing's to the type checker only
    active: bool = True, defined: bool = True, *, as_object: Literal[True], config_path: str | None = None
) -> tuple[Container, ...]: ...


def list_containers(  # noqa: F811
    active: bool = True, defined: bool = True, as_object: bool = False, config_path: str | None = None
) -> tuple[str, ...] | tuple[Container, ...]:
    """The names of the containers in `config_path` (default: lxc.lxcpath) that have a monitor, a configuration, or both.

    With `as_object` Containers instead of names.  Raises RuntimeError then if a configuration is wrong.
    """
    attempt.texts(config_path or "")
    from lxc.config import system

    path = config_path or system.get("lxc.lxcpath")
    names: set[str] = set()
    if os.path.isdir(path):
        configured = set(listing.defined(path))
        running = set(listing.active(path) if active is True else ())
        names = running - listing.mistaken(path, running)
        names |= configured if defined is True else set()
    return tuple(Container(name, path) for name in sorted(names)) if as_object else tuple(sorted(names))
