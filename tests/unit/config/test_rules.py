"""Every rule of the linter, from the table of rules: a new one is tested by having examples, and fails without."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from lxc.config import lint, mend, recorder
from lxc.config.lint import RULES, Finding
from lxc.config.rules.rule import SEVERITIES, File, Host

table = runpy.run_path(str(Path(__file__).parent / "rule_examples.py"))
EXAMPLES = table["EXAMPLES"]
HOST: Host = table["HOST"]
PATH = "/c/config"


def found(text: str, host: Host, rule: str = "") -> list[Finding]:
    everything = lint.findings(recorder.record(PATH, text), host)
    return [each for each in everything if rule in ("", each.rule.name)]


@pytest.mark.parametrize(("rule", "bad", "at", "host"), [(e[0], e[1], e[3], e[5]) for e in EXAMPLES])
def test_finds_it_where_it_is(rule: str, bad: str, at: str, host: Host) -> None:
    findings = found(bad, host, rule)
    assert findings
    if at:
        first = findings[0]
        assert f"{first.line}:{first.column}+{first.length}" == at


@pytest.mark.parametrize(("rule", "good", "host"), [(e[0], e[2], e[6]) for e in EXAMPLES])
def test_finds_nothing_where_nothing_is(rule: str, good: str, host: Host) -> None:
    assert found(good, host, rule) == []


@pytest.mark.parametrize(("rule", "bad", "mended", "host"), [(e[0], e[1], e[4], e[5]) for e in EXAMPLES if e[4]])
def test_mends_it_and_nothing_else(rule: str, bad: str, mended: str, host: Host) -> None:
    other = [name for name in RULES if name != rule]
    after = mend.mended(PATH, bad, host, ignored=other).document.text
    assert after == mended
    assert mend.mended(PATH, after, host).document.text == after


@pytest.mark.parametrize(("rule", "bad", "mended", "host"), [(e[0], e[1], e[4], e[5]) for e in EXAMPLES])
def test_what_is_not_certain_stays_as_it_is(rule: str, bad: str, mended: str | None, host: Host) -> None:
    other = [name for name in RULES if name != rule]
    assert mended or mend.mended(PATH, bad, host, ignored=other).document.text == bad


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_examples(name: str) -> None:
    assert [example for example in EXAMPLES if example[0] == name]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_whether_it_can_be_mended(name: str) -> None:
    assert RULES[name].mends == any(e[4] and e[4] != e[1] for e in EXAMPLES if e[0] == name)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_named_and_explained(name: str) -> None:
    rule = RULES[name]
    assert rule.severity in SEVERITIES
    assert name == name.lower()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz-012")
    assert [text[-1] for text in (rule.why, rule.fix)] == [".", "."]


def test_names_are_unique() -> None:
    tables = [module.RULES for module in (lint.reading, lint.ids, lint.limits, lint.unused, lint.files, lint.unsafe)]
    assert len(RULES) == sum(map(len, [*tables, lint.network.RULES]))


@pytest.mark.parametrize(("bad", "host"), [(e[1], e[5]) for e in EXAMPLES])
def test_every_finding_lies_within_its_line(bad: str, host: Host) -> None:
    for each in found(bad, host):
        assert not each.line or 1 <= each.column <= each.column + each.length <= len(each.text) + 1


def test_a_careful_configuration_is_clean() -> None:
    text = (
        "lxc.rootfs.path = dir:/srv/box\nlxc.uts.name = web\nlxc.cap.drop = sys_time\nlxc.pty.max = 9\n"
        "lxc.mount.auto = proc:mixed sys:mixed\nlxc.seccomp.profile = /srv/seccomp\nlxc.net.0.type = empty\n"
    )
    assert [f.rule.name for f in found(text, HOST)] == []


def test_nothing_is_said_of_files_that_nobody_looked_at() -> None:
    unknown = Host()
    about_files = {rule.name for rule in lint.files.RULES} - {"relative-path", "mount-source-relative"}
    about_files -= {"mount-target-outside", "mount-trailing-text"}
    assert not [e[1] for e in EXAMPLES for f in found(e[1], unknown) if f.rule.name in about_files]


def test_a_piece_to_be_included_need_not_be_whole() -> None:
    reading = recorder.record("/c/piece.conf", "lxc.mount.auto = sys:rw\nlxc.start.delay = 3\n")
    assert lint.findings(reading, HOST, is_whole=False) == ()
    assert lint.findings(reading, HOST, is_whole=True) != ()


def test_findings_are_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("lxc.uts.nmae = a\n")
    text = f"lxc.tty.max = x\nlxc.include = {tmp_path}/more\nlxc.pty.max = x\n"
    findings = lint.findings(
        recorder.record(PATH, text), Host(), ignored=("all-capabilities", "no-seccomp", "no-rootfs")
    )
    assert [(f.path, f.line) for f in findings] == [(PATH, 1), (PATH, 3), (f"{tmp_path}/more", 1)]
    assert [f.included_at for f in findings] == ["", "", f"{PATH}:2"]


def test_a_file_that_overrides_what_it_includes_is_as_it_should_be(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("lxc.tty.max = 1\n")
    assert found(f"lxc.include = {tmp_path}/more\nlxc.tty.max = 2\n", HOST, "assigned-twice") == []


def test_included_files_are_not_mended(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("lxc.start.delay = 010\nlxc.utsname = x\nlxc.cgroup.pids.max = 3\n")
    text = f"lxc.include = {tmp_path}/more\n"
    mended = mend.mended(PATH, text, HOST)
    assert (mended.document.text, mended.done) == (text, ())
    assert {"octal-number", "legacy-key", "cgroup1-on-unified"} <= {each.rule.name for each in mended.left}


def test_a_mount_of_fstab_is_judged_as_one_of_the_configuration() -> None:
    host = HOST.replace(texts={"/srv/fstab": "\n  /gone data none bind\n"})
    findings = found("lxc.rootfs.path = dir:/srv/box\nlxc.mount.fstab = /srv/fstab\n", host, "mount-source-missing")
    assert [(f.place, f.length, f.text) for f in findings] == [("/srv/fstab:2:3", 5, "  /gone data none bind")]


def test_lines_that_end_in_a_bare_carriage_return_are_left_alone() -> None:
    text = "lxc.start.delay = 010\rlxc.start.delay = 011\n"
    mended = mend.mended(PATH, text, HOST)
    assert mended.document.text == text
    assert "octal-number" in {each.rule.name for each in mended.left}


def test_a_file_of_the_group_of_its_user_is_his() -> None:
    host = HOST.replace(uid=1000, files={PATH: File("file", 1000, 1000, 0o660)})
    assert found("lxc.uts.name = a\n", host, "config-writable") == []
