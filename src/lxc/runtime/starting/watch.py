"""What there is of a container's monitor before it lives: the claim, the cgroups, and what it is to do."""

from __future__ import annotations

import errno
import os
import stat

from lxc import log, trace
from lxc.cgroups import outside as cgroups
from lxc.errors import LxcError, StateError, StepError
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.runtime import claim, failures, remedies
from lxc.runtime.life import monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.kernel.sockets import socket
    from lxc.runtime.life.launch import Exit
    from lxc.runtime.life.rest import Rested
    from lxc.runtime.place import Place
    from lxc.runtime.plans.start import StartPlan
    from lxc.runtime.starting.start import Order


_THREADED = (
    "the cgroup that it is made in is one for threads (cgroups(7)), and so no other's: start it from another, or "
    "without lxc.cgroup.relative"
)


class Watch(Record):
    """A monitor's work, before it has begun: everything here is its to close and to remove."""

    order: Order
    plan: StartPlan
    made: cgroups.Cgroups
    listener: socket
    pidfile: int

    def be_reborn(self, how: Callable[[int], None]) -> None:
        """Go on in the monitor's unified cgroup, of which there is one, by `how` (`beside.be_reborn`).  Raises StepError."""
        trace.phase("become the monitor")
        made = self.made
        try:
            with closing(cgroups.open_unified(made, made.monitor)) as cgroup:
                how(cgroup)
        except BaseException as error:
            self.abandon()
            if isinstance(error, OSError):
                raise self.unborn(error) from error
            raise

    def unborn(self, error: OSError) -> StepError:
        """What to raise where there can be no monitor in its unified cgroup."""
        hint = _THREADED if error.errno == errno.EOPNOTSUPP else ""
        return StepError(f"make the monitor, in the cgroup {self.made.monitor}", error, hint=hint)

    def keep(
        self,
        started: Callable[[], bool],
        *,
        is_born: bool,
        first: Callable[[], None] = lambda: None,
        companion: int = -1,
        lodges: Callable[[], None] | None = None,
    ) -> int:
        """Do `first`, then be the monitor until the container has ended.  Return the exit code of its init.

        If it `lodges`, this process shares its memory with another until the container runs, and is `started`: then it
        rests at once, or calls that, and the memory is its own.  Raises LxcError; everything is removed then, too.
        """
        try:
            first()
            if self.pidfile >= 0:
                _write_pid(self.pidfile, self.order.pidfile)
            it = monitor.Monitor(self.order, self.plan, self.made, self.listener, self.title, lodges=lodges)
        except BaseException as error:
            self.abandon()
            raise self._failed(error) from error

        def leave() -> None:
            cgroups.leave(self.made, is_born=is_born and not it.lodges)

        return self._live(lambda: it.live(started, self._end, leave, is_born=is_born, companion=companion))

    def go_on(self, rested: Rested, leave: Callable[[], None], *, is_itself: bool) -> int:
        """Go on as the monitor that has rested, until the container has ended.  Return the exit code of its init.

        `is_itself`: this process is that monitor, and not one that only takes down what there is.
        """
        title = self.title if is_itself else ""
        it = monitor.Monitor(self.order, self.plan, self.made, self.listener, title, rested)
        return self._live(lambda: it.live(lambda: True, self._end, leave, is_born=True))

    @property
    def title(self) -> str:
        """What ps(1) shows of the monitor, "" where it is somebody's command."""
        place = self.order.place
        return "" if self.order.foreground else f"[lxc monitor] {place.lxcpath} {place.name}"

    def _live(self, live: Callable[[], Exit]) -> int:
        try:
            return live().code
        except BaseException as error:
            raise self._failed(error) from error

    def abandon(self) -> None:
        """Remove what was made for a monitor that never was."""
        cgroups.leave(self.made)
        cgroups.remove(self.made)
        _remove_pidfile(self.order.pidfile)
        self.listener.close()

    def _end(self) -> None:
        _remove_pidfile(self.order.pidfile)
        if self.order.config.ephemeral:
            from lxc.runtime.disk import destroy

            try:
                for sentence in destroy.remove(self.order.place, self.order.config):
                    log.warn(sentence)
            except (LxcError, OSError) as error:
                log.error(f"the ephemeral container stays: {error}")

    def _failed(self, error: BaseException) -> BaseException:
        """What to raise for `error`; the log file gets what led there."""
        failure = remedies.failure(f"start {self.order.place.name}", error)
        log.error(str(failure))
        self._keep_trace()
        return failure

    def _keep_trace(self) -> None:
        """Write all that led to the failure to the container's log file, whatever the log level."""
        path = self.order.logfile or self.order.place.log_file
        if not self.order.logfile and not os.path.isdir(os.path.dirname(path)):
            return  # a container without directory has no log file either
        try:
            log.dump(path, is_plain=not self.order.logfile)
        except OSError as error:
            log.debug(f"cannot write {path}: {error.strerror}")


def prepared(order: Order, plan: StartPlan) -> Watch:
    """The claim, and all else that is made before there is a monitor.  Raises AlreadyRunning, LxcError."""
    _check_creation(order.place)
    trace.phase("claim the command socket, make the cgroups")
    listener = _claim(order.place)
    try:
        pidfile = _open_pidfile(order.pidfile)
        try:
            made = _cgroups(order.place, plan)
        except BaseException:
            _remove_pidfile(order.pidfile)
            raise
    except BaseException:
        listener.close()
        raise
    return Watch(order, plan, made, listener, pidfile)


def _check_creation(place: Place) -> None:
    """Refuse a container that is not whole.  Raises StateError."""
    if not os.path.lexists(place.partial_file):
        return
    from lxc.runtime.disk import making

    if making.is_being_made(place):
        raise StateError(f"{place.name} is still being created", hint="wait until lxc-create has finished")
    raise StateError(f"the creation of {place.name} was cut short", hint="lxc-destroy removes what there is of it")


def _cgroups(place: Place, plan: StartPlan) -> cgroups.Cgroups:
    """Make them.  Raises StateError if the container runs by another path, LxcError."""
    made = cgroups.prepare(plan.cgroups)
    try:
        if made.payload != plan.cgroups.payload:
            _check_twins(place, plan, made)
    except BaseException:
        cgroups.remove(made)
        raise
    return made


def _check_twins(place: Place, plan: StartPlan, made: cgroups.Cgroups) -> None:
    """Raise StateError if the container runs by another path, which a link makes the same: only its cgroups are in the way then."""
    from lxc.runtime import client

    for owner in cgroups.others(plan.cgroups, made):
        lxcpath, _, name = owner.rpartition("/")
        twin = place.replace(name=name, lxcpath=lxcpath or "/")
        if twin != place and _is_same(twin, place) and client.is_running(twin):
            raise StateError(
                f"{name} is running already, as a container of {twin.lxcpath}, which is the same directory",
                hint=f"use -P {twin.lxcpath}",
            )


def _is_same(place: Place, other: Place) -> bool:
    try:
        return os.path.samefile(place.directory, other.directory)
    except OSError:
        return False


def _claim(place: Place) -> socket:
    """Listen on the container's command socket: whoever does is its monitor.  Raises AlreadyRunning, LxcError."""
    try:
        return claim.listen(place)
    except OSError as error:
        raise StepError(f"listen on the command socket of {place.name}", error) from error


def _open_pidfile(path: str) -> int:
    if not path:
        return -1
    try:
        # Nobody waits for a fifo that is not read.
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _not_written(path, error) from error


def _write_pid(fd: int, path: str) -> None:
    try:
        with closing(fd):
            os.write(fd, str(os.getpid()).encode())
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: str, error: OSError) -> BaseException:
    return failures.failure(f"write the pid file {path}", OSError(error.errno, error.strerror))


def _remove_pidfile(path: str) -> None:
    """Remove the file of the pid, but nothing else that was written to: a device, a fifo."""
    try:
        if path and stat.S_ISREG(os.lstat(path).st_mode):
            os.unlink(path)
    except FileNotFoundError:
        pass
