from hypothesis import given
from hypothesis import strategies as st

from lxc.terminal.ring import Ring


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30))
def test_it_holds_the_last_bytes_that_were_written(writes: list[bytes], size: int) -> None:
    ring = Ring(size)
    for data in writes:
        ring.write(data)
    assert ring.read() == b"".join(writes)[-size:]


def test_reading_takes_the_oldest_bytes_out() -> None:
    ring = Ring(10)
    ring.write(b"abcdef")
    assert (ring.read(2), ring.read(2), ring.read(), ring.read()) == (b"ab", b"cd", b"ef", b"")


def test_the_newest_bytes_can_be_looked_at() -> None:
    ring = Ring(10)
    ring.write(b"abcdef")
    assert (ring.last(2), ring.last(100), ring.read()) == (b"ef", b"abcdef", b"abcdef")


def test_a_cleared_ring_is_empty() -> None:
    ring = Ring(10)
    ring.write(b"abcdef")
    ring.clear()
    assert ring.read() == b""
