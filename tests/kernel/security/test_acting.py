"""Acting for a caller: what is left of it in who answers."""

import os
import resource

import pytest
from tests.conftest import forked

from lxc.security.seccomp import acting

pytestmark = pytest.mark.root
_NOBODY = 65534


def test_who_can_make_no_process_to_act_keeps_nothing_open() -> None:
    def attempt() -> tuple[str, bool]:
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        directory = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY)
        before = os.listdir("/proc/self/fd")
        try:
            acting.act(directory, lambda: None, {}, print, acting.Powers())
        except OSError as error:
            return error.strerror, os.listdir("/proc/self/fd") == before
        return "", False

    assert forked(attempt) == ("Resource temporarily unavailable", True)
