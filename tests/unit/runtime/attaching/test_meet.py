"""What comes over the pipe that the container can write to, too, is a pid, a reason, or none."""

import os
from types import SimpleNamespace
from typing import cast

import pytest

from lxc.errors import StepError
from lxc.runtime.attaching.meet import Launched, meet
from lxc.runtime.plans.attach import AttachPlan


@pytest.mark.parametrize("number", [0, -1, -4095, -4096, -(2**31)])
def test_that_there_is_no_process_is_said_whatever_the_reason(number: int) -> None:
    middle = os.fork()
    if middle == 0:
        os._exit(0)
    report, status = os.pipe(), os.pipe()
    os.write(status[1], number.to_bytes(4, "little", signed=True))
    os.close(report[1])
    plan = cast(AttachPlan, SimpleNamespace(name="web"))
    with pytest.raises(StepError, match=r"cannot make a process in the pid namespace of web: [A-Zi]"):
        meet(Launched(plan, middle, report[0], status[0], None))
    os.close(status[1])
