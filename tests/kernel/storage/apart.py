"""Work in a mount namespace of its own."""

import os
import traceback
from collections.abc import Callable

from lxc.kernel import mount, process


def apart(work: Callable[[], None]) -> None:
    """Do it in a child with a mount namespace of its own; its failures are ours."""
    pid = os.fork()
    if pid == 0:
        try:
            process.unshare(process.CLONE_NEWNS)
            mount.mount(None, "/", None, mount.MS_REC | mount.MS_PRIVATE)
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
