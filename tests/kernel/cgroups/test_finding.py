"""Looking for the hierarchies of control groups again and again, while something is mounted."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.root

LOOK = """
import subprocess
from lxc.cgroups import finding

finds = [finding.find() for _ in range(4)]
assert finds[1] is finds[2] is finds[3]  # nothing was looked at but whether it is still so
assert finds[0] == finds[1]
last = finds[0].hierarchies[-1]
subprocess.run(["umount", "--lazy", last.mount], check=True)
assert last.mount not in {hierarchy.mount for hierarchy in finding.find().hierarchies}
"""


def test_what_was_found_is_found_again_until_a_hierarchy_is_mounted_or_not_any_more() -> None:
    subprocess.run(["unshare", "--mount", sys.executable, "-c", LOOK], check=True)
