"""What lxc-start says before it starts anything: the plan, and warnings of lines that do nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.conftest import ROOT, Lxc

pytestmark = pytest.mark.root

CONFIG = (
    "lxc.net.0.type = empty\nlxc.mount.auto = proc:mixed\nlxc.mount.entry = /srv data none bind,ro,create=dir\n"
    "lxc.tty.max = 1\nlxc.pty.max = 16\nnonsense\nlxc.uts.name = web # the name\n"
)


@pytest.fixture
def web(lxc: Lxc) -> str:
    """The name of a container with an empty root, which nobody starts."""
    name = f"web-{lxc.tag}"
    lxc.rootfs(name).mkdir(parents=True)
    lxc.config(name).write_text(f"lxc.rootfs.path = dir:{lxc.rootfs(name)}\n{CONFIG}")
    return name


def plan(lxc: Lxc, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(lxc.ok("lxc-start", "-n", name, "--dry-run", "--format", "json"))
    return found


def test_json_and_text_are_the_same_plan(lxc: Lxc, web: str) -> None:
    text = lxc.ok("lxc-start", "-n", web, "--dry-run").splitlines()
    found = plan(lxc, web)
    steps = [*found["mounts"], *found["devices"], *found["terminal"]["inside"], *found["links"]]
    printed = [line for step in steps for line in step["text"].splitlines()]
    assert [line for line in text if line in set(printed)] == printed


def test_a_step_says_which_line_it_comes_from(lxc: Lxc, web: str) -> None:
    places = {step["text"]: step["where"] for step in plan(lxc, web)["mounts"]}
    assert places["mkdir -p data"] == f"{lxc.config(web)}:4"
    assert places["mkdir -p dev"] == ""


def test_every_documented_field_is_there(lxc: Lxc, web: str) -> None:
    documented = re.findall(r"^\| `(\w+)` \|", Path(ROOT / "docs/dry-run.md").read_text(), re.MULTILINE)
    of_steps = documented.index("text")
    found = plan(lxc, web)
    assert set(documented[:of_steps]) <= set(found)
    for step in found["mounts"]:
        assert {"kind", *documented[of_steps:]} <= set(step)


def test_nothing_is_made(lxc: Lxc, web: str) -> None:
    plan(lxc, web)
    assert list(lxc.rootfs(web).iterdir()) == []
    assert lxc.leftovers() == []


def test_no_log_is_begun(lxc: Lxc, web: str) -> None:
    log = lxc.path / "logs" / "web.log"
    lxc.ok("lxc-start", "-n", web, "--dry-run", "-s", f"lxc.log.file={log}", "-s", "lxc.log.level=INFO")
    assert not log.parent.exists()


def test_format_is_for_plans(lxc: Lxc, web: str) -> None:
    done = lxc.run("lxc-start", "-n", web, "--format", "json")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "lxc-start: --format is for --dry-run")


def test_lines_that_do_nothing_are_warned_of(lxc: Lxc, web: str) -> None:
    config = lxc.config(web)
    done = lxc.run("lxc-start", "-n", web, "--dry-run")
    assert done.stderr.splitlines() == [
        f"lxc-start: {web}: warning: {config}:7:1: nonsense: has no effect, for it does not begin with 'lxc.'",
        f"lxc-start: {web}: warning: {config}:8:20: lxc.uts.name: this belongs to the value, for only a line that "
        "begins with '#' is a comment",
    ]
    assert lxc.run("lxc-start", "-n", web, "--dry-run", "-q").stderr == ""
