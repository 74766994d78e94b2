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
from lxc.kernel import fs, process, signals
from lxc.kernel.fs import closing
from lxc.loop import ENDED, Loop
from lxc.network.outside import Network
from lxc.runtime import as_root, commands, door, remedies
from lxc.runtime.interruption import Interrupted
from lxc.runtime.life import launch, namespaces, rest, restricted
from lxc.runtime.life.answers import Answers
from lxc.runtime.life.launch import Exit
from lxc.runtime.life.namespaces import Namespaces
from lxc.runtime.life.server import Server, tell_monitord
from lxc.runtime.life.supervised import Supervised
from lxc.security.apparmor import outside as apparmor
from lxc.storage import outside as storage
from lxc.storage.backend import Attached
from lxc.terminal import outside as terminal
from lxc.terminal.plan import Prepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lxc.cgroups.devices import Rule
    from lxc.cgroups.outside import Cgroups
    from lxc.hooks.plan import Hook
    from lxc.kernel.sockets import socket
    from lxc.runtime.commands import Request
    from lxc.runtime.life.launch import Means, Running
    from lxc.runtime.life.rest import Rested
    from lxc.runtime.plans.start import StartPlan
    from lxc.runtime.starting.start import Order
    from lxc.security.apparmor.plan import Profile
    from lxc.terminal.outside import Terminals

_NOT_FORWARDED = frozenset({signals.SIGCHLD, signals.SIGWINCH})
_ENDING = frozenset({signals.SIGHUP, signals.SIGINT, signals.SIGQUIT, signals.SIGTERM})  # a start, too
_LEFT_ALONE = frozenset({signals.SIGBUS, signals.SIGILL, signals.SIGSEGV, signals.SIGKILL, signals.SIGSTOP})


class Monitor:
    def __init__(
        self,
        order: Order,
        plan: StartPlan,
        made: Cgroups,
        listener: socket,
        title: str,
        rested: Rested | None = None,
        *,
        lodges: Callable[[], None] | None = None,
    ) -> None:
        """`made` and `listener` are the monitor's to remove and close, `title` is what ps(1) is to show ("": as it is).

        `rested` is what a monitor before this one has left to go on with.  One that `lodges`, in another's memory, rests at
        once, or calls that: from then on the memory is its own.
        """
        self.order, self.place, self.config = order, order.place, order.config
        self.plan, self.made, self.title = plan, made, title
        self.loop, self.state = Loop(), commands.STOPPED
        self.running: Running | None = None
        self.terminals: Terminals | None = None
        self.exit: Exit | None = None
        self.device_program = DeviceProgram()
        self._whose = f"{self.place.lxcpath} {self.place.name}"  # the processes that it makes are, in ps(1)
        self.namespaces, self.network = Namespaces(), Network(plan.network, self._whose)
        self.prepared, self.attached = Prepared(), Attached()
        self.loaded: Profile | None = None  # of AppArmor, to be unloaded
        self.may_reboot = True
        self.asked: dict[Request, None] = {}  # in this life, and of what is settled for it
        supervisor = f"[lxc seccomp] {self._whose}"
        self.supervised = Supervised(plan.security.supervision, supervisor, self.loop, self._supervisor_ended)
        self.answers = Answers(self)
        self.server = Server(listener, self.loop, self.answers.answer, self._client_closed)
        self._checkpoint, self._rested = order.checkpoint, rested
        self._is_removed = False  # the payload's cgroups are
        self._patience = rest.AGAIN if rested else rest.AFTER
        self.lodges = lodges  # None: the memory is its own
        self.signals = -1  # the descriptor that they are read from

    def live(
        self,
        started: Callable[[], bool],
        ended: Callable[[], None],
        leave: Callable[[], None],
        *,
        is_born: bool,
        companion: int = -1,
    ) -> Exit:
        """Start the container, stay until it has ended for good, clean up.  Return how it ended.

        `started` is called once it runs; if it returns False (nobody wants it any more) the container is killed.
        `ended` is called when nothing is left of it but the command socket: until that is closed nobody else can
        start it.  `leave` leaves the monitor's cgroups and removes them; this may be another process then.
        `is_born`: this process is in the monitor's unified cgroup already.  `companion` is a socket to who ends it
        by closing that: in the background only while it is being started.
        Raises LxcError, OSError if the start failed; all is cleaned up then, too.
        """
        if self.title and not self.lodges:
            process.set_title(self.title)
        mask = signals.block(signals.ALL - _LEFT_ALONE)
        try:
            self.signals = signals.signalfd(signals.ALL - _LEFT_ALONE)
            self.loop.watch(self.signals, self._take_signals)
            if companion >= 0:
                self.loop.watch(companion, lambda _events: self._abandon(companion), ENDED)
            if self._rested:
                end = self._once(self._go_on)
            else:
                trace.phase("enter its cgroups")
                cgroups.enter(self.made, self.made.monitor, os.getpid(), is_born=is_born)
                if self.plan.monitor_unshares:
                    namespaces.have_own_mounts()
                end = self._once(lambda: self._begin(started, companion))
            while end.is_reboot and self.may_reboot:
                log.info("the container reboots")
                self._forget_last_life()
                end = self._once(lambda: self._begin(lambda: True))
            return end
        finally:
            leave()
            if not self._is_removed:
                cgroups.remove_payload(self.made)
            ended()
            self.server.close_all()
            tell_monitord(self.place, commands.STOPPED)
            self.loop.close()
            fs.close(self.signals)
            signals.restore(mask)

    def set_state(self, state: int, *, is_passed_on: bool = False) -> None:
        """Record `state` and tell those who wait for it.  THAWED passes at once: the container is RUNNING.

        If it `is_passed_on`, somebody else tells lxc-monitord.
        """
        self.state = commands.RUNNING if state == commands.THAWED else state
        log.debug(f"state {commands.STATES[state]}")
        self.server.tell_state(self.place.name, state)
        if not is_passed_on:
            tell_monitord(self.place, state)

    def kill(self, signal: int, reason: LxcError | None = None) -> None:
        """Send init `signal`, and thaw it so that it can take it; without init give up a start, or for a `reason` a hook, that goes on."""
        if not self.running:
            if not reason and self.state == commands.STARTING:
                reason = StateError("it was stopped while it was being started")
            self.loop.given_up = reason
            return
        try:
            process.pidfd_send_signal(self.running.pidfd, signal)
        except ProcessLookupError:
            return
        cgroups.let_die(self.made, is_frozen=self.state in (commands.FREEZING, commands.FROZEN))

    def add_device_rule(self, rule: Rule) -> None:
        """Add a rule for devices on a host of the unified layout, for this life and, after a reboot, the next.

        Without rules so far everything is allowed.  Raises StepError.
        """
        before = self.plan.cgroups.policy or Policy(allows=True)
        policy = before.with_rule(rule)
        if policy == before:
            return
        self.device_program.put(self.made, policy)
        self.plan = self.plan.replace(cgroups=self.plan.cgroups.replace(policy=policy))

    def _once(self, begin: Callable[[], None]) -> Exit:
        """One life: `begin` it, serve until init ends, take down.  Return its end."""
        try:
            begin()
            trace.phase("serve it")
            self._serve()
        except BaseException as error:
            self.set_state(commands.ABORTING)
            given_up, self.loop.given_up = self.loop.given_up, None
            if given_up:
                raise given_up from error
            raise
        finally:
            try:
                self._take_down()
                storage.detach(self.attached)
            finally:
                self._run_post_stop()
        assert self.exit is not None
        return self.exit

    def _begin(self, started: Callable[[], bool], companion: int = -1) -> None:
        """Launch the container; return once it runs, or is about to be killed because nobody wants it."""
        self.set_state(commands.STARTING)
        self.namespaces, self.network = Namespaces(), Network(self.plan.network, self._whose)
        self.prepared, self.attached = Prepared(), Attached()
        trace.phase("run pre-start hooks, prepare the terminals and the root")
        hooks.run(self.plan.hooks.pre_start, self.loop)
        self.prepared = terminal.prepare(self.plan.terminal)
        try:
            self.attached = storage.attach(self.plan.root)
        except (OSError, LxcError) as error:
            raise remedies.failure(self.plan.root, error) from error
        with closing(door.open_init()) as way:
            self._launch(way)
            trace.phase("say that it runs")
            self.set_state(commands.RUNNING)
            if not self.order.foreground:
                self.loop.forget(companion)
            if not started():
                self.set_state(commands.STOPPING)  # nobody is to take it for one that runs
                self.kill(signals.SIGKILL)

    def _go_on(self) -> None:
        """With the life that a monitor before this one has begun, and that may have ended meanwhile."""
        rested, self._rested = self._rested, None
        assert rested
        if rested.status >= 0:
            self._ended(rested.status)
        rest.restore(self, rested)
        if not self.exit:
            self.loop.watch(rested.running.pidfd, self._init_ended)

    def _serve(self) -> None:
        """Answer and listen until init has ended."""
        if self.exit:
            return
        if self.lodges and self.state == commands.RUNNING:
            rest.begin(self)
            self.lodges()
            self.lodges = None
            process.set_title(self.title)
        if self.plan.monitor_writes:
            restricted.serve(self.loop.run, self.plan.monitor_writes)
            return
        self.loop.run(lambda: rest.begin(self), self._patience)

    def _launch(self, way: int) -> None:
        plan = self.plan.completed(self.attached.device, self.made.container)
        if plan.security.label.profile:
            apparmor.load(plan.security.label.profile)
            self.loaded = plan.security.label.profile
        if plan.security.filter.is_supervised and plan.security.supervision.proxy:
            self.supervised.start()
        means = launch.Means(
            self.made, self.device_program, self.prepared, self.namespaces, self.network, way, self.loop,
            self.supervised.channel,
        )  # fmt: skip
        running = self.running = self._restored(plan, means) or launch.launch(plan, means)
        self.terminals = terminal.Terminals(
            self.plan.terminal, self.prepared, self.loop, running.console_master, running.tty_masters
        )
        self.loop.watch(running.pidfd, self._init_ended)

    def _supervisor_ended(self) -> None:
        if self.running:
            self.running = self.supervised.replace(self.running)
        else:
            self.supervised.stop(None)

    def _restored(self, plan: StartPlan, means: Means) -> Running | None:
        """The container as it was dumped; None if there is no dump, or it has been restored before."""
        checkpoint, self._checkpoint = self._checkpoint, None
        if not checkpoint:
            return None
        from lxc.runtime.life import restoring

        return restoring.launch(checkpoint, plan, means)

    def _init_ended(self, _events: int) -> None:
        assert self.running is not None
        self.loop.forget(self.running.pidfd)
        self._ended(os.waitpid(self.running.pid, 0)[1])

    def _ended(self, status: int) -> None:
        self.exit = Exit(status)
        log.info(f"init ended, wait status {status:#x}")
        tell_monitord(self.place, status, commands.EXIT_CODE_MESSAGE)
        self.loop.stop()

    def _take_down(self) -> None:
        """Undo what this life made (all of it is asked for in `rest._removal`); the monitor's cgroups and the socket stay."""
        trace.phase("take it down")
        self.set_state(commands.STOPPING)
        running, self.running = self.running, None
        if running:
            if self.exit is None:  # the monitor itself failed
                process.pidfd_send_signal(running.pidfd, signals.SIGKILL)
                os.waitpid(running.pid, 0)
            self.loop.forget(running.pidfd)
        self.supervised.stop(None)
        self._undo_network()
        self._run_stop()
        self._is_removed = cgroups.kill(self.made)
        if self.loaded:  # nobody is left that it confines
            apparmor.unload(self.loaded)
            self.loaded = None
        if not self._is_removed:
            as_root.remove_cgroups(self.plan.idmap, self.made)
            cgroups.remove_payload(self.made)
        self.device_program.close()
        if self.terminals:
            self.terminals.drain()
            self.terminals.close()
            self.terminals = None
        else:
            terminal.close(self.prepared)
        if running:
            running.close()

    def _undo_network(self) -> None:
        """Give the host back its devices, while the container's namespace is still held."""
        held, down = self.namespaces, self.plan.hooks.net_down
        self.network.undo(
            held.file("net"), lambda device: launch.run_scripts(down, device, held.variables(), self.loop)
        )

    def _run_stop(self) -> None:
        """Run the stop hooks, whatever becomes of them, and let go of the namespaces."""
        held = self.namespaces
        self._run_last(hook.told(self._told(), held.arguments()) for hook in self.plan.hooks.stop)
        held.close()

    def _run_post_stop(self) -> None:
        """Run the hooks for when nothing is left; should one fail, this was the last life.

        The command socket is answered meanwhile: they may well ask for the container's state.
        """
        has_run = self._run_last(hook.told(self._told()) for hook in self.plan.hooks.post_stop)
        if not has_run and self.exit and self.exit.is_reboot:
            self.may_reboot = False
            log.warn("the container is stopped instead of rebooted")

    def _run_last(self, those: Iterable[Hook]) -> bool:
        """Run hooks of a life that has ended; False if one failed, or was given up."""
        try:
            hooks.run(tuple(those), self.loop)
        except (OSError, LxcError) as error:
            log.error(str(error))
            return False
        finally:
            self.loop.given_up = None
        return True

    def _told(self) -> dict[str, str]:
        """What hooks are told of the life that ends."""
        is_reboot = self.exit and self.exit.is_reboot and self.may_reboot
        return {**self.namespaces.variables(), "LXC_TARGET": "reboot" if is_reboot else "stop"}

    def _forget_last_life(self) -> None:
        """Between two lives of a rebooting container."""
        self.exit, self._is_removed, self._patience = None, False, rest.AFTER
        self.plan = self.plan.replace(hooks=self.plan.hooks.told({"LXC_TARGET": "reboot"}))
        self.set_state(commands.STOPPED)
        self.server.drop_waiting()
        cgroups.remake_payload(self.made, self.plan.cgroups)

    def _take_signals(self, _events: int) -> None:
        """Pass on to init what is sent to the monitor; hanging up ends it."""
        while True:
            try:
                number, _ = signals.read_signal(self.signals)
            except BlockingIOError:
                return
            if number == signals.SIGWINCH and self.terminals:
                self.terminals.set_window_size()
            elif number == signals.SIGCONT and self.terminals:
                self.terminals.continued()
            if number in _NOT_FORWARDED or not (self.running or number in _ENDING):
                continue
            log.debug(f"passing signal {number} on to init")
            self.kill(signals.SIGTERM if number == signals.SIGHUP else number, Interrupted(number))

    def _abandon(self, companion: int) -> None:
        """The companion has gone."""
        self.loop.forget(companion)
        self.may_reboot = False
        self.kill(signals.SIGKILL)

    def _client_closed(self, fd: int) -> None:
        if self.terminals:
            self.terminals.release(fd)
