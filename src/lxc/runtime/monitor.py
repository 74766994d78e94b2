"""The monitor: the process that starts a container, stays with it, answers for it, and cleans up after it.

    STARTING ── launch ──▶ RUNNING ── init ends ──▶ STOPPING ──▶ STOPPED
        │                     ▲                         │
        └─▶ ABORTING ─────────│──▶ STOPPING             │
                              └──────── reboot ─────────┘

Everything that exists for the container outside of it hangs on this process:
its cgroups, terminals and command socket are gone when `live` returns.
"""

from __future__ import annotations

import os

from lxc import log, trace
from lxc.cgroups import outside as cgroups
from lxc.cgroups.devices import Policy
from lxc.cgroups.limiting import DeviceProgram
from lxc.errors import LxcError, StateError
from lxc.hooks import outside as hooks
from lxc.kernel import process, signals
from lxc.kernel.fs import closing
from lxc.loop import Loop
from lxc.network.outside import Network
from lxc.runtime import as_root, commands, door, launch, namespaces, remedies, restricted
from lxc.runtime.answers import Answers
from lxc.runtime.launch import Exit
from lxc.runtime.namespaces import Namespaces
from lxc.runtime.place import run_directory
from lxc.runtime.server import Server
from lxc.security.apparmor import outside as apparmor
from lxc.storage import outside as storage
from lxc.storage.backend import Attached
from lxc.terminal import outside as terminal
from lxc.terminal.plan import Prepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.cgroups.devices import Rule
    from lxc.cgroups.outside import Cgroups
    from lxc.config.container import Config
    from lxc.kernel.sockets import socket
    from lxc.runtime.launch import Running
    from lxc.runtime.place import Place
    from lxc.runtime.plan import StartPlan
    from lxc.runtime.restoring import Checkpoint
    from lxc.security.apparmor.plan import Profile
    from lxc.security.seccomp.supervisor import Supervisor
    from lxc.terminal.outside import Terminals

_MOST_REPLACED = 5
_NOT_FORWARDED = frozenset({signals.SIGCHLD, signals.SIGWINCH})
_ENDING = frozenset({signals.SIGHUP, signals.SIGINT, signals.SIGQUIT, signals.SIGTERM})  # a start, too
_LEFT_ALONE = frozenset({signals.SIGBUS, signals.SIGILL, signals.SIGSEGV, signals.SIGKILL, signals.SIGSTOP})


class Monitor:
    def __init__(
        self,
        place: Place,
        plan: StartPlan,
        config: Config,
        made: Cgroups,
        listener: socket,
        checkpoint: Checkpoint | None = None,
        title: str = "",
    ) -> None:
        """`made` and `listener` are the monitor's to remove and close; `checkpoint` is what its first life goes on from,
        `title` what ps(1) is to show ("": as it is)."""
        self.place, self.plan, self.config, self.made = place, plan, config, made
        self.loop = Loop()
        self.state = commands.STOPPED
        self.running: Running | None = None
        self.terminals: Terminals | None = None
        self.supervisor: Supervisor | None = None
        self.exit: Exit | None = None
        self.device_program = DeviceProgram()
        self._checkpoint, self._title = checkpoint, title
        self._may_reboot, self._is_removed = True, False  # the latter of the payload's cgroups
        self._loaded: Profile | None = None  # of AppArmor, to be unloaded
        self._replaced = 0  # times that the supervisor ended by itself
        self._namespaces = Namespaces()
        self.network = Network(plan.network)
        self._server = Server(listener, self.loop, Answers(self).answer, self._client_closed)
        self._signals = -1

    def live(
        self, started: Callable[[], bool], ended: Callable[[], None], *, is_born: bool, companion: int = -1
    ) -> Exit:
        """Start the container, stay until it has ended for good, clean up.  Return how it ended.

        `started` is called once it runs; if it returns False (nobody wants it any more) the container is killed.
        `ended` is called when nothing is left of it but the command socket: until that is closed nobody else can
        start it.  `is_born`: this process is in the monitor's unified cgroup already.  `companion` is a socket to who ends it.
        Raises LxcError, OSError if the start failed; all is cleaned up then, too.
        """
        if self._title:
            process.set_title(self._title)
        mask = signals.block(signals.ALL - _LEFT_ALONE)
        try:
            self._signals = signals.signalfd(signals.ALL - _LEFT_ALONE)
            self.loop.watch(self._signals, self._take_signals)
            if companion >= 0:
                self.loop.watch(companion, lambda _events: self._abandon(companion), events=0)
            trace.phase("enter its cgroups")
            cgroups.enter(self.made, self.made.monitor, os.getpid(), is_born=is_born)
            if self.plan.monitor_unshares:
                namespaces.have_own_mounts()
            end = self._once(started)
            while end.is_reboot and self._may_reboot:
                log.info("the container reboots")
                self._forget_last_life()
                end = self._once(lambda: True)
            return end
        finally:
            cgroups.leave(self.made, is_born=is_born)  # from here on, this may be another process
            if not self._is_removed:
                cgroups.remove_payload(self.made)
            ended()
            self._server.close_all()
            self._write_fifo(commands.STOPPED)
            self.loop.close()
            if self._signals >= 0:
                os.close(self._signals)
            signals.restore(mask)

    def set_state(self, state: int) -> None:
        """Record `state` and tell those who wait for it.  THAWED passes at once: the container is RUNNING."""
        self.state = commands.RUNNING if state == commands.THAWED else state
        log.debug(f"state {commands.STATES[state]}")
        self._server.tell_state(self.place.name, state)
        self._write_fifo(state)

    def kill(self, signal: int) -> None:
        """Send init `signal`, and thaw it so that it can take it; give up a start that goes on."""
        if not self.running:
            self.loop.is_given_up |= self.state == commands.STARTING
            return
        try:
            process.pidfd_send_signal(self.running.pidfd, signal)
        except ProcessLookupError:
            return
        if self.state in (commands.FREEZING, commands.FROZEN):
            cgroups.freeze(self.made, is_on=False)

    def add_device_rule(self, rule: Rule) -> None:
        """Add a rule for devices on a host of the unified layout, for this life and, after a reboot, the next.

        Without rules so far everything is allowed.  Raises StepError.
        """
        policy = (self.plan.cgroups.policy or Policy(allows=True)).with_rule(rule)
        if policy == (self.plan.cgroups.policy or Policy(allows=True)):
            return
        self.device_program.put(self.made, policy)
        self.plan = self.plan.replace(cgroups=self.plan.cgroups.replace(policy=policy))

    def _once(self, started: Callable[[], bool]) -> Exit:
        """One life: launch, serve until init ends, take down.  Return its end."""
        self.set_state(commands.STARTING)
        self._namespaces = Namespaces()
        self.network = Network(self.plan.network)
        prepared, attached = Prepared(), Attached()
        try:
            trace.phase("run pre-start hooks, prepare the terminals and the root")
            hooks.run(self.plan.hooks.pre_start, self.loop)
            prepared = terminal.prepare(self.plan.terminal)
            attached = self._attach()
            with closing(door.open_init()) as way:
                self._launch(prepared, attached, way)
                trace.phase("say that it runs")
                self.set_state(commands.RUNNING)
                if not started():
                    self.set_state(commands.STOPPING)  # nobody is to take it for one that runs
                    self.kill(signals.SIGKILL)
            trace.phase("serve it")
            self._serve()
        except BaseException as error:
            self.set_state(commands.ABORTING)
            is_stopped, self.loop.is_given_up = self.loop.is_given_up, False
            if is_stopped:
                raise StateError("it was stopped while it was being started") from error
            raise
        finally:
            try:
                self._take_down(prepared)
                storage.detach(self.plan.root, attached)
            finally:
                self._run_post_stop()
        assert self.exit is not None
        return self.exit

    def _serve(self) -> None:
        """Answer and listen until init has ended."""
        if self.plan.monitor_writes:
            restricted.serve(self.loop.run, self.plan.monitor_writes)
        else:
            self.loop.run()

    def _attach(self) -> Attached:
        try:
            return storage.attach(self.plan.root)
        except (OSError, LxcError) as error:
            raise remedies.failure(self.plan.root, error) from error

    def _launch(self, prepared: Prepared, attached: Attached, way: int) -> None:
        plan = self.plan.completed(attached.device, self.made.container)
        if plan.security.label.profile:
            apparmor.load(plan.security.label.profile)
            self._loaded = plan.security.label.profile
        self.supervisor = self._supervise()
        running = self.running = self._restored(plan) or launch.launch(
            plan,
            self.made,
            self.device_program,
            prepared,
            self._namespaces,
            self.network,
            way,
            self.loop,
            self.supervisor.channel if self.supervisor else None,
        )
        self.terminals = terminal.Terminals(
            self.plan.terminal, prepared, self.loop, running.console_master, running.tty_masters
        )
        self.loop.watch(running.pidfd, self._init_ended)

    def _supervise(self) -> Supervisor | None:
        """Who answers the system calls that the filter notifies of, if somebody is to."""
        plan = self.plan.security
        if not plan.filter.is_supervised or not plan.supervision.proxy:
            return None
        from lxc.security.seccomp import supervisor

        title = f"[lxc seccomp] {self.place.lxcpath} {self.place.name}"
        made = supervisor.start(plan.supervision, title, blocks=self.running is None)
        self.loop.watch(made.channel.fileno(), self._supervisor_ended)
        return made

    def _supervisor_ended(self, _events: int) -> None:
        """Replace it a few times, then let the calls fail: they would wait for it forever."""
        self._stop_supervisor()
        if not self.running or self.running.listener < 0:
            return
        self._replaced += 1
        if self._replaced <= _MOST_REPLACED:
            log.error("the process that decides on system calls has ended; a new one is made")
            self.supervisor = self._supervise()
            assert self.supervisor
            self.supervisor.take(self.running.listener)
        else:
            log.error("the process that decides on system calls ends again and again; they fail from now on")
            os.close(self.running.listener)
            self.running = self.running.replace(listener=-1)

    def _stop_supervisor(self) -> None:
        if self.supervisor:
            self.loop.forget(self.supervisor.channel.fileno())
            self.supervisor.stop(self.running.listener if self.running else -1)
            self.supervisor = None

    def _restored(self, plan: StartPlan) -> Running | None:
        """The container as it was dumped; None if there is no dump, or it has been restored before."""
        checkpoint, self._checkpoint = self._checkpoint, None
        if not checkpoint:
            return None
        from lxc.runtime import restoring

        return restoring.launch(checkpoint, plan, self.made, self.device_program, self._namespaces)

    def _init_ended(self, _events: int) -> None:
        assert self.running is not None
        self.loop.forget(self.running.pidfd)
        _, status = os.waitpid(self.running.pid, 0)
        self.exit = Exit(status)
        log.info(f"init ended, wait status {status:#x}")
        self._write_fifo(status, commands.EXIT_CODE_MESSAGE)
        self.loop.stop()

    def _take_down(self, prepared: Prepared) -> None:
        """Undo what this life made; the cgroups of the monitor and the command socket stay for the next."""
        trace.phase("take it down")
        self.set_state(commands.STOPPING)
        running, self.running = self.running, None
        if running:
            if self.exit is None:  # the monitor itself failed
                process.pidfd_send_signal(running.pidfd, signals.SIGKILL)
                os.waitpid(running.pid, 0)
            self.loop.forget(running.pidfd)
        self._stop_supervisor()
        self._undo_network()
        self._run_stop()
        self._is_removed = cgroups.kill(self.made)
        if self._loaded:  # nobody is left that it confines
            apparmor.unload(self._loaded)
            self._loaded = None
        if not self._is_removed:
            self._remove_children()
            cgroups.remove_payload(self.made)
        self.device_program.close()
        if self.terminals:
            self.terminals.drain()
            self.terminals.close()
            self.terminals = None
        else:
            terminal.close(prepared)
        if running:
            running.close()

    def _undo_network(self) -> None:
        """Give the host back its devices, while the container's namespace is still held."""
        held, down = self._namespaces, self.plan.hooks.net_down
        self.network.undo(
            held.file("net"), lambda device: launch.run_scripts(down, device, held.variables(), self.loop)
        )

    def _remove_children(self) -> None:
        """Remove the cgroups that the container has made, if we may not do that as we are."""
        if not self.plan.idmap.uses_helpers or not cgroups.has_children(self.made):
            return
        try:
            as_root.run(self.plan.idmap, lambda: cgroups.remove_children(self.made))
        except (OSError, LxcError) as error:
            log.error(f"the container's own cgroups could not be removed: {error}")

    def _run_stop(self) -> None:
        """Run the stop hooks, whatever becomes of them, and let go of the namespaces."""
        held = self._namespaces
        try:
            hooks.run(tuple(hook.told(self._told(), held.arguments()) for hook in self.plan.hooks.stop), self.loop)
        except (OSError, LxcError) as error:
            log.error(str(error))
        finally:
            self._namespaces.close()

    def _run_post_stop(self) -> None:
        """Run the hooks for when nothing is left; should one fail, this was the last life.

        The command socket is answered meanwhile: they may well ask for the container's state.
        """
        try:
            hooks.run(tuple(hook.told(self._told()) for hook in self.plan.hooks.post_stop), self.loop)
        except (OSError, LxcError) as error:
            log.error(str(error))
            if self.exit and self.exit.is_reboot:
                self._may_reboot = False
                log.warn("the container is stopped instead of rebooted")

    def _told(self) -> dict[str, str]:
        """What hooks are told of the life that ends."""
        is_reboot = self.exit is not None and self.exit.is_reboot
        return {**self._namespaces.variables(), "LXC_TARGET": "reboot" if is_reboot else "stop"}

    def _forget_last_life(self) -> None:
        """Between two lives of a rebooting container."""
        self.exit, self._is_removed = None, False
        self.plan = self.plan.replace(hooks=self.plan.hooks.told({"LXC_TARGET": "reboot"}))
        self.set_state(commands.STOPPED)
        self._server.drop_waiting(keep_over_reboot=True)
        cgroups.remake_payload(self.made, self.plan.cgroups)

    def _take_signals(self, _events: int) -> None:
        """Pass on to init what is sent to the monitor; hanging up ends it."""
        while True:
            try:
                number, _ = signals.read_signal(self._signals)
            except BlockingIOError:
                return
            if number == signals.SIGWINCH and self.terminals:
                self.terminals.set_window_size()
            if number in _NOT_FORWARDED or not (self.running or number in _ENDING):
                continue
            log.debug(f"passing signal {number} on to init")
            self.kill(signals.SIGTERM if number == signals.SIGHUP else number)

    def _abandon(self, companion: int) -> None:
        """The companion has gone."""
        self.loop.forget(companion)
        self._may_reboot = False
        self.kill(signals.SIGKILL)

    def _client_closed(self, fd: int) -> None:
        if self.terminals:
            self.terminals.release(fd)

    def _write_fifo(self, value: int, kind: int = commands.STATE_MESSAGE) -> None:
        """Tell lxc-monitord, if it reads its fifo."""
        path = f"{run_directory()}/lxc/{self.place.lxcpath.strip('/')}/monitor-fifo"
        try:
            fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return  # there is none, or nobody reads it
        try:
            os.write(fd, commands.state_message(self.place.name, value, kind))
        except OSError as error:
            log.debug(f"cannot write to {path}: {error.strerror}")
        finally:
            os.close(fd)
