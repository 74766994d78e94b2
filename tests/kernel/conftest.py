"""What is done in a child process that has a mount namespace of its own."""

from collections.abc import Callable

import pytest
from tests.conftest import forked

from lxc.kernel import mount, process


@pytest.fixture
def apart() -> Callable[[Callable[[], object]], object]:
    """`apart(function)` runs it in a private mount namespace and gives what it returned (a literal), or its error."""
    return _apart


def _apart(function: Callable[[], object]) -> object:
    def in_it() -> object:
        process.unshare(process.CLONE_NEWNS)
        mount.mount(None, "/", None, mount.MS_REC | mount.MS_PRIVATE)
        return function()

    return forked(in_it)
