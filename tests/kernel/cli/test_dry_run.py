"""What lxc-start says before it starts anything: the plan, and warnings of lines that do nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def plan(lxc: Lxc, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lxc.ok("lxc-start", "-n", name, "--dry-run", "--format", "json"))
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


CONFIGURATIONS = {
    "little": "lxc.net.0.type = none\n",
    "much": (
        "lxc.net.0.type = veth\nlxc.net.0.name = a\nlxc.net.0.flags = up\nlxc.net.0.ipv4.address = 10.9.9.2/24\n"
        "lxc.net.0.ipv4.gateway = 10.9.9.1\nlxc.net.0.script.up = /bin/true\nlxc.net.1.type = empty\n"
        "lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed\nlxc.mount.entry = tmpfs run/x tmpfs optional,create=dir\n"
        "lxc.prlimit.nofile = 99\nlxc.sysctl.net.ipv4.ip_forward = 1\nlxc.proc.oom_score_adj = 5\nlxc.arch = i686\n"
        "lxc.init.cwd = /var/new dir\nlxc.environment = A=b c\nlxc.tty.max = 2\nlxc.pty.max = 16\nlxc.tty.dir = lxc\n"
        "lxc.hook.pre-start = /bin/true\nlxc.hook.start = /bin/true\nlxc.hook.post-stop = /bin/true\n"
        "lxc.time.offset.boot = 1h\nlxc.signal.stop = SIGTERM\nlxc.cap.drop = sys_time\nlxc.x-landlock = read /\n"
    ),
    "terminals of the host": "lxc.tty.max = 1\nlxc.console.logfile = /dev/null\n",
    "ids": "lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\nlxc.tty.max = 1\nlxc.pty.max = 1\n",
}


def objects(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(each)


@pytest.mark.parametrize("text", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_the_json_is_as_documented(lxc: Lxc, web: str, text: str) -> None:
    lxc.config(web).write_text(f"lxc.rootfs.path = dir:{lxc.rootfs(web)}\n{text}")
    found = plan(lxc, web)
    documented = re.findall(r"^\| `(\w+)` \|", Path(ROOT / "docs/dry-run.md").read_text(), re.MULTILINE)
    of_steps = documented.index("text")
    assert set(documented[:of_steps]) <= set(found)
    assert found["kind"] == "start-plan"
    assert not [each for each in objects(found) if not isinstance(each.get("kind"), str)]
    for step in (each for each in objects(found) if "text" in each):
        kinds = {name: type(step.get(name)) for name in documented[of_steps:]}
        assert kinds == {"text": str, "where": str, "optional": bool}, step
    places = (*found["mounts"], *found["devices"], *found["links"], *found["terminal"]["inside"])
    assert all("text" in each for each in (*places, *found["terminal"]["outside"], found["init"]["directory"]))
    below = [each.get("path") for each in places]
    below += [each.get("target") for each in places if each["kind"] != "link"]
    assert not [path for path in below if path and path.startswith("/")]


def test_what_is_executed_is_quoted_and_told_of_its_ttys(lxc: Lxc, web: str) -> None:
    settings = ("-s", "lxc.environment=A=b c", "-s", "lxc.init.cwd=/var/new dir")
    words = ("-n", web, "--dry-run", *settings, "--", "/bin/sh", "-c", 'sleep 1; echo "it\'s"')
    shown = lxc.ok("lxc-start", *words).splitlines()[-2:]
    assert shown == [
        "cd '/var/new dir'",
        "exec env -i 'A=b c' container=lxc 'container_ttys=pts/…' /bin/sh -c 'sleep 1; echo \"it'\\''s\"'",
    ]
    found = json.loads(lxc.ok("lxc-start", "-n", web, "--dry-run", "--format", "json"))
    assert found["init"]["has_ttys"]
    assert not json.loads(lxc.ok("lxc-start", "-n", web, "--dry-run", "--format", "json", "-s", "lxc.tty.max="))[
        "init"
    ]["has_ttys"]


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


def test_a_terminal_of_the_starters_is_optional(lxc: Lxc, web: str) -> None:
    found = json.loads(lxc.ok("lxc-start", "-n", web, "-F", "--dry-run", "--format", "json"))
    assert found["terminal"]["outside"][0]["optional"] is True
