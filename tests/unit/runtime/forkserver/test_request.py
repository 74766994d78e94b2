"""What a client of the fork server sends."""

from lxc.runtime.forkserver import request as forkserver_request


def test_of_several_variables_of_one_name_the_first_counts() -> None:
    """As for getenv(3), and for an interpreter that is started."""
    given = b"A=first\0B=b=c\0A=second\0ODD\0"
    assert forkserver_request._environment(given, 4) == {b"A": b"first", b"B": b"b=c"}
