"""What is done in a child process that has a mount namespace of its own."""

import ast
import os
import traceback
from collections.abc import Callable

import pytest

from lxc.kernel import mount, process


@pytest.fixture
def apart() -> Callable[[Callable[[], object]], object]:
    """`apart(function)` runs it in a private mount namespace and gives what it returned (a literal), or its error."""
    return _apart


def _apart(function: Callable[[], object]) -> object:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            process.unshare(process.CLONE_NEWNS)
            mount.mount(None, "/", None, mount.MS_REC | mount.MS_PRIVATE)
            text = repr(function())
        except BaseException:
            text = repr(traceback.format_exc())
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        text = file.read().decode()
    os.waitpid(pid, 0)
    return ast.literal_eval(text)
