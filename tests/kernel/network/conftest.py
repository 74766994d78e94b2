"""Network namespaces of the tests' own: to try something in, or as the host of containers."""

from __future__ import annotations

import ast
import os
import traceback
from collections.abc import Callable

import pytest
from tests.lab import lab as lab

from lxc.kernel import process


@pytest.fixture
def netless() -> Callable[[Callable[[], object]], object]:
    """`netless(function)` runs it in a new network namespace and gives what it returned (a literal), or its error."""
    return _netless


def _netless(function: Callable[[], object]) -> object:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            process.unshare(process.CLONE_NEWNET)
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
