"""By which name an end of a pair is known as a container's."""

from hypothesis import given
from hypothesis import strategies as st

from lxc.network.ends import Owner
from lxc.network.links import Link

ADDRESSES = st.text(st.sampled_from("ab/:% \n25"), max_size=12)


def marked(owner: Owner, which: object) -> Link:
    return Link(1, "veth0", "veth", altnames=("other", owner.mark(which)))


@given(ADDRESSES, ADDRESSES, st.sampled_from([0, 12, "0.17"]))
def test_what_is_marked_is_known_as_its_owners_and_nobody_elses(one: str, other: str, which: object) -> None:
    assert Owner(one).has_marked(marked(Owner(one), which))
    assert Owner(other).has_marked(marked(Owner(one), which)) == (one == other)


@given(ADDRESSES)
def test_it_is_a_name_that_can_be_written_to_ip(address: str) -> None:
    mark = Owner(address).mark(0)
    assert "/" not in mark
    assert not any(char.isspace() for char in mark)
