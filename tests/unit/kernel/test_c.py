"""What stands in for ctypes is as ctypes has it."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import shutil
from pathlib import Path

import pytest
from tests.conftest import forked

from lxc.kernel import c
from lxc.loading import LIBEXEC

SIMPLE = sorted(name for name in c.__all__ if name.startswith("c_"))


@pytest.mark.parametrize("name", SIMPLE)
def test_types_are_as_large_and_read_the_same(name: str) -> None:
    ours, theirs = getattr(c, name), getattr(ctypes, name)
    assert c.sizeof(ours) == ctypes.sizeof(theirs)
    raw = b"\xfe" * ctypes.sizeof(theirs)
    if not name.endswith("_p"):
        assert ours.from_buffer_copy(raw).value == theirs.from_buffer_copy(raw).value


def test_there_is_nothing_else_in_it() -> None:
    assert [name for name in c.__all__ if not hasattr(ctypes, name)] == []


@pytest.mark.parametrize("arguments", [(5,), (b"abc",), (b"abc", 3), (b"abc", 8), (b"", 1)])
def test_buffers_hold_the_same(arguments: tuple[int] | tuple[bytes] | tuple[bytes, int]) -> None:
    assert c.create_string_buffer(*arguments).raw == ctypes.create_string_buffer(*arguments).raw


def test_a_function_leaves_its_errno() -> None:
    close = c.CDLL(None, use_errno=True)["close"]
    close.argtypes = (c.c_int,)
    assert (close(-1), c.get_errno()) == (-1, errno.EBADF)


def test_a_function_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        c.CDLL(None)["no_such_function"]


def test_a_library_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(OSError, match="cannot open shared object file"):
        c.CDLL("libnothing.so.0")


def test_a_library_that_there_is_no_descriptor_for_is_an_error_with_a_number(tmp_path: Path) -> None:
    library = shutil.copy(f"{LIBEXEC}/lxc-beside.so", tmp_path)  # which is not loaded yet

    def load() -> object:
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, lowest))
        try:
            c.CDLL(library)
        except OSError as error:
            return error.errno, error.filename
        return None

    assert forked(load) == (errno.EMFILE, library)
