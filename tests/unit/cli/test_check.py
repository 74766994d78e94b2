"""lxc-check: which file it reads, how it shows what it finds, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lxc.cli import findings, main
from lxc.config import lint, recorder
from lxc.config.rules.rule import Host

CLEAN = (
    "lxc.rootfs.path = dir:{}/web/rootfs\nlxc.uts.name = web\nlxc.net.0.type = empty\nlxc.pty.max = 9\n"
    "lxc.cap.drop = sys_time\n"
)
BAD = "\tlxc.uts.nmae = web\nlxc.start.delay = 010\nlxc.start.auto = 1\n"


@pytest.fixture
def lxcpath(tmp_path: Path) -> Path:
    (tmp_path / "web/rootfs/sbin").mkdir(parents=True)
    (tmp_path / "web/rootfs/sbin/init").touch(0o755)
    (tmp_path / "web/config").write_text(CLEAN.format(tmp_path))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/config").write_text(BAD)
    return tmp_path


def check(lxcpath: Path, *words: str) -> int:
    return main("lxc-check", ["-P", str(lxcpath), *words])


def test_a_container_without_mistakes_is_clean(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = check(lxcpath, "web")
    out = capfd.readouterr().out
    assert code == 0, out
    assert out.splitlines()[-1].startswith(f"{lxcpath}/web/config: 1 note")


def test_the_line_is_shown_and_what_is_wrong_in_it_underlined(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = f"{lxcpath}/bad/config"
    assert check(lxcpath, "bad", "--ignore", "no-seccomp", "--ignore", "all-capabilities", "--ignore", "no-rootfs") == 2
    assert capfd.readouterr().out == (
        f"{path}:1:2: error: unknown key; did you mean lxc.uts.name? [unknown-key]\n"
        "    1 | \tlxc.uts.nmae = web\n"
        "      | \t^^^^^^^^^^^^\n"
        "      = Correct its spelling; lxc.container.conf(5) has all keys.\n"
        f"{path}:2:19: warning: a number that begins with 0 is octal: 010 is 8 [octal-number]\n"
        "    2 | lxc.start.delay = 010\n"
        "      |                   ^^^\n"
        "      = Leave the 0 out. (--fix does it.)\n"
        f"{path}: 1 error, 1 warning\n"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("lxc.start.auto = 1\n", 0),
        ("lxc.start.order = 3\n", 0),
        ("lxc.tty.max = 1\nlxc.tty.max = 2\n", 1),
        ("lxc.tty.max = x\nlxc.tty.max = 2\n", 2),
    ],
)
def test_the_exit_code_is_the_worst_that_was_found(tmp_path: Path, text: str, code: int) -> None:
    (tmp_path / "piece.conf").write_text(text)
    assert check(tmp_path, "-q", f"{tmp_path}/piece.conf") == code


def test_a_policy_that_keeps_the_container_from_starting_is_an_error(
    lxcpath: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    policy = lxcpath / "policy"
    policy.write_text("2\ndenylist\nreboot errno x\n")
    (lxcpath / "web/config").write_text(f"lxc.seccomp.profile = {policy}\n")
    assert check(lxcpath, "web") == 2
    assert f"{policy}:3:1: error: expected a number" in capfd.readouterr().out


def test_what_does_not_exist_is_an_error(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert check(lxcpath, "webb") == 2
    assert f"lxc-check: there is no container webb in {lxcpath}\n" in capfd.readouterr().err
    assert check(lxcpath, "./webb") == 2
    assert capfd.readouterr().err == "lxc-check: ./webb: cannot read the configuration: No such file or directory\n"


def test_several_are_checked_at_once(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert check(lxcpath, "web", f"{lxcpath}/bad/config") == 2
    out = capfd.readouterr().out
    assert [f"{lxcpath}/{name}/config: " in out for name in ("web", "bad")] == [True, True]


def test_a_name_given_with_dash_n_is_checked_too(lxcpath: Path) -> None:
    assert check(lxcpath, "-q", "-n", "bad") == 2


def test_nothing_to_check_is_a_mistake(capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-check", []) == 1
    assert "expected the name of a container or a file" in capfd.readouterr().err


def test_an_unknown_rule_is_a_mistake(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert check(lxcpath, "web", "--ignore", "octal") == 1
    assert "there is no such rule" in capfd.readouterr().err


def test_json_has_a_stable_shape(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert check(lxcpath, "bad", "--format", "json") == 2
    found = {each["rule"]: each for each in json.loads(capfd.readouterr().out)}
    assert found["unknown-key"] == {
        "rule": "unknown-key",
        "severity": "error",
        "message": "unknown key; did you mean lxc.uts.name?",
        "file": f"{lxcpath}/bad/config",
        "line": 1,
        "column": 2,
        "length": 12,
        "text": "\tlxc.uts.nmae = web",
        "included_by": None,
        "why": lint.RULES["unknown-key"].why,
        "fix": lint.RULES["unknown-key"].fix,
        "can_fix": False,
    }
    assert (found["octal-number"]["can_fix"], found["no-rootfs"]["line"]) == (True, None)


def test_sarif_names_rules_levels_and_regions(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert check(lxcpath, "bad", "--format", "sarif") == 2
    document = json.loads(capfd.readouterr().out)
    (run,) = document["runs"]
    assert (document["version"], run["tool"]["driver"]["name"]) == ("2.1.0", "lxc-check")
    assert [each["id"] for each in run["tool"]["driver"]["rules"]] == [*lint.RULES]
    result = next(each for each in run["results"] if each["ruleId"] == "unknown-key")
    location = result["locations"][0]["physicalLocation"]
    assert (result["level"], location["artifactLocation"]["uri"]) == ("error", f"{lxcpath}/bad/config")
    region = location["region"]
    assert (region["startLine"], region["startColumn"], region["endColumn"]) == (1, 2, 14)


def test_fix_rewrites_the_file_and_says_so(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = lxcpath / "bad/config"
    assert check(lxcpath, "bad", "--fix") == 2
    assert config.read_text() == BAD.replace("010", "8")
    assert (lxcpath / "bad/config.backup").read_text() == BAD
    assert capfd.readouterr().out.endswith(f"; 1 mended, the old file is {config}.backup\n")


def test_a_file_s_name_does_nothing_to_the_terminal(
    lxcpath: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a\x1b[2Jb"
    file.write_text("lxc.tty.max = 010\n")
    check(lxcpath, str(file), "--fix")
    shown = capfd.readouterr().out
    assert shown.endswith("b.backup\n")
    assert "\x1b" not in shown


def test_fix_leaves_a_file_alone_that_needs_none(lxcpath: Path) -> None:
    before = (lxcpath / "web/config").stat()
    assert check(lxcpath, "web", "--fix", "-q") == 0
    assert (lxcpath / "web/config").stat().st_mtime_ns == before.st_mtime_ns
    assert not (lxcpath / "web/config.backup").exists()


def test_a_random_address_stays_to_be_chosen(lxcpath: Path) -> None:
    config = lxcpath / "bad/config"
    config.write_text("lxc.net.0.type = veth\nlxc.net.0.hwaddr = 02:xx:xx:xx:xx:xx\nlxc.net.0.mtu = 02000\n")
    check(lxcpath, "bad", "--fix", "-q")
    assert config.read_text().splitlines()[1:] == ["lxc.net.0.hwaddr = 02:xx:xx:xx:xx:xx", "lxc.net.0.mtu = 1024"]


def test_limits_are_rewritten_for_the_target(lxcpath: Path) -> None:
    config = lxcpath / "bad/config"
    config.write_text("lxc.cgroup.memory.limit_in_bytes = 1G\n")
    check(lxcpath, "bad", "--fix", "-q", "--target", "v1")
    assert config.read_text() == "lxc.cgroup.memory.limit_in_bytes = 1G\n"
    check(lxcpath, "bad", "--fix", "-q", "--target", "v2")
    assert config.read_text() == "lxc.cgroup2.memory.max = 1G\n"


def test_all_rules_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-check", ["--list-rules"]) == 0
    out = capfd.readouterr().out
    assert [name for name in lint.RULES if f"{name}: {lint.RULES[name].severity}" not in out] == []
    assert main("lxc-check", ["--list-rules", "--format", "json"]) == 0
    assert {each["rule"] for each in json.loads(capfd.readouterr().out)} == set(lint.RULES)


def test_the_schema_is_one_of_an_object(capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-check", ["--schema"]) == 0
    schema = json.loads(capfd.readouterr().out)
    assert (schema["type"], "lxc.uts.name" in schema["properties"]) == ("object", True)


def test_a_configuration_cannot_send_anything_to_the_terminal() -> None:
    text = "lxc.uts.nmae\x1b[2J = a\udcff\x9b\n"
    shown = "\n".join(findings.text(lint.findings(recorder.record("/a\x1bb", text), Host())))
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_colours_are_for_terminals() -> None:
    found = lint.findings(recorder.record("/c", "lxc.uts.nmae = a\n"), Host())
    assert "\x1b[1;31merror\x1b[0m" in "\n".join(findings.text(found, colour=True))
    assert "\x1b" not in "\n".join(findings.text(found))
