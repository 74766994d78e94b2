"""lxc-autostart -L of Debian's and ours: the same containers in the same order."""

import pytest
from tests.conftest import Lxc

pytestmark = pytest.mark.parity

CONTAINERS = {
    "a": "lxc.start.auto = 1\nlxc.start.delay = 5\n",
    "b": "lxc.start.auto = 1\nlxc.start.order = -1\nlxc.group = onboot\n",
    "c": "lxc.start.auto = 1\nlxc.group = onboot\nlxc.group = other\n",
    "d": "lxc.start.auto = 1\nlxc.start.order = 9\nlxc.group = other\n",
    "e": "lxc.group = onboot\n",
    "f": "",
    "g": "lxc.start.auto = 1\nlxc.start.order = 9\n",
    ".h": "lxc.start.auto = 1\n",
}


@pytest.mark.parametrize(
    "words",
    [(), ("-A",), ("-a",), ("-a", "-A"), ("-g", "onboot"), ("-g", "other,onboot"), ("-g", "onboot,"),
     ("-g", "other", "-g", "onboot"), ("-g", "none"), ("-k", "-a"), ("-s",), ("-r",)],
)  # fmt: skip
def test_the_same_are_meant(lxc: Lxc, words: tuple[str, ...]) -> None:
    for name, config in CONTAINERS.items():
        (lxc.path / name).mkdir()
        (lxc.path / name / "config").write_text(config)
    theirs, ours = (lxc.run("lxc-autostart", "-L", *words, peer=peer) for peer in (True, False))
    assert (ours.stdout, ours.returncode) == (theirs.stdout, theirs.returncode)
