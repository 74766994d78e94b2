"""Network namespaces of the tests' own: to try something in, or as the host of containers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.conftest import forked
from tests.lab import lab as lab

from lxc.kernel import process


@pytest.fixture
def netless() -> Callable[[Callable[[], object]], object]:
    """`netless(function)` runs it in a new network namespace and gives what it returned (a literal), or its error."""
    return _netless


def _netless(function: Callable[[], object]) -> object:
    def in_it() -> object:
        process.unshare(process.CLONE_NEWNET)
        return function()

    return forked(in_it)
