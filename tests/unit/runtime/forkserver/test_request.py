"""What a client of the fork server sends."""

import os
import struct

import pytest
from tests.conftest import forked

from lxc.kernel import sockets
from lxc.runtime.forkserver import request as forkserver_request

KEY = 0x1122334455667788
TEXT = b"lxc-info\0-n\0A=b\0"


def asked(text: bytes = TEXT, *, size: int = -1, words: int = 2, variables: int = 1, count: int = 3, terminal: int = 0,
          umask: int = 0o22, blocked: int = 0) -> bytes:  # fmt: skip
    """A request as native/client/worker.c lays it out."""
    size = len(text) if size < 0 else size
    numbers = range(2, 2 + count)
    head = struct.pack("=2Q6I", KEY, blocked, umask, size, words, variables, count, terminal)
    return head + struct.pack("=240I", *numbers, *(0,) * (240 - count)) + text


def heard(raw: bytes, descriptors: int = 5, pid: int = 0, key: int = KEY) -> object:
    """What becomes of `raw`, sent with so many descriptors."""

    def work() -> object:
        client, server = sockets.pair()
        sockets.pass_credentials(server)
        sockets.send(client, raw, (os.open("/", os.O_PATH),) * descriptors)
        client.close()
        try:
            it = forkserver_request.hear(server, pid or os.getpid(), key)
        except forkserver_request.Refused as error:
            return str(error)
        has_all = all(os.path.sameopenfile(it.directory, fd) for fd in (it.mailbox, *it.descriptors))
        return it.words, it.environment, it.umask, set(it.blocked), it.numbers, len(it.descriptors), has_all, it.lowest

    return forked(work)


def test_a_request_is_heard() -> None:
    wanted = (["lxc-info", "-n"], {b"A": b"b"}, 0o22, set(), (2, 3, 4), 3, True, 5)
    assert heard(asked()) == wanted
    assert heard(asked(count=0, umask=0o7777), 2) == (*wanted[:2], 0o777, set(), (), 0, True, 3)
    assert heard(asked(terminal=1, blocked=1 << 1 | 1 << 14), 6) == (*wanted[:3], {2, 15}, *wanted[4:])


def test_so_is_one_that_comes_in_parts() -> None:
    text = b"lxc-info\0" + b"x" * 100_000 + b"\0A=b\0"
    found = heard(asked(text))
    assert isinstance(found, tuple)
    assert found[0] == ["lxc-info", "x" * 100_000]


@pytest.mark.parametrize(("raw", "descriptors"), [
    (asked(size=(8 << 20) + 1), 5), (asked()[:32] + struct.pack("=I", 241) + asked()[36:], 243), (asked(), 4), (asked(), 6), (asked(terminal=1), 5),
    (asked(size=len(TEXT) - 1), 5), (asked(words=0), 5), (asked(words=4), 5), (asked(variables=0), 5),
    (asked(variables=2), 5),
])  # fmt: skip
def test_one_that_contradicts_itself_is_refused(raw: bytes, descriptors: int) -> None:
    assert heard(raw, descriptors) == "its request is malformed"


def test_who_is_another_or_goes_away_or_has_another_installation_is_refused() -> None:
    assert heard(asked(), pid=os.getppid()) == "it went away, or another spoke for it"
    assert heard(asked(size=len(TEXT) + 1)) == "it went away, or another spoke for it"
    assert heard(asked()[:900]) == "it went away, or another spoke for it"
    assert heard(asked(), key=KEY + 1) == "its installation is another"


def test_the_example_is_heard_as_any_other() -> None:
    found = heard(forkserver_request.example(KEY))
    assert isinstance(found, tuple)
    assert (found[0], len(found[1]), *found[2:]) == (["lxc-info"], 40, 0o77, set(), (0, 1, 2), 3, True, 3)


def test_of_several_variables_of_one_name_the_first_counts() -> None:
    """As for getenv(3), and for an interpreter that is started."""
    given = b"A=first\0B=b=c\0A=second\0ODD\0"
    assert forkserver_request._environment(given, 4) == {b"A": b"first", b"B": b"b=c"}
    assert forkserver_request._environment(b"A=other\0", 1) == {b"A": b"other"}
