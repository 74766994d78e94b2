import signal
import threading

import pytest

from lxc.kernel import signals
from lxc.runtime import interruption


def work(*interruptions: int, checks: int) -> None:
    """Work during which signals come, and then `checks` checks are made."""
    with interruption.deferred() as it:
        it.check()
        for number in interruptions:
            signal.pthread_kill(threading.get_ident(), number)  # a test runner has threads that block nothing
        for _ in range(checks):
            it.check()


def test_a_signal_waits_for_the_next_check() -> None:
    with pytest.raises(interruption.Interrupted, match="SIGTERM") as caught:
        work(signal.SIGTERM, checks=1)
    assert caught.value.exit_status == 128 + 15
    assert signal.SIGTERM not in signals.blocked()


def test_one_after_the_last_check_comes_at_the_end() -> None:
    with pytest.raises(KeyboardInterrupt):
        work(signal.SIGINT, checks=0)


def test_the_second_of_an_impatient_user_is_the_same_wish() -> None:
    with pytest.raises(interruption.Interrupted):
        work(signal.SIGTERM, signal.SIGINT, checks=1)


def test_a_signal_that_was_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup(1) does
    try:
        work(signal.SIGHUP, checks=1)
    finally:
        signal.signal(signal.SIGHUP, before)
