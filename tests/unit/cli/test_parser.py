"""Command lines into Arguments.  What getopt_long(3) prints was taken from Debian's tools."""

from __future__ import annotations

import sys

import pytest

from lxc.cli.options import Arguments, Command, natural, one_of, switch, text, texts, value, values, whole
from lxc.cli.parser import STDERR, STDOUT, Answer, parse
from lxc.errors import UsageError


class CookArguments(Arguments):
    fast = switch("fast", "f", "Hurry.")
    dish = text("dish", "d", "DISH", "What to cook.")
    spices = texts("spice", "s", "SPICE", "What to add.")
    guests = value("guests", "g", "N", "For how many.", natural, default=2)
    hours = values("hour", "", "N", "When to stir.", whole)
    privileges = value(
        "elevated-privileges", "e", "LIST", "Leave.", lambda word: word or "all", default="", optional=True
    )
    course = value("course", "c", "COURSE", "Which course.", one_of("starter", "main"), default="main")


COOK = Command("lxc-cook", CookArguments, "Cooks.", operands="[WORD...]")
ANY = Command("lxc-any", CookArguments, "Cooks anything.", operands="[WORD...]", name="none", many_paths=True)


def read(*words: str, command: Command = COOK) -> CookArguments:
    arguments = parse(command, words)
    assert isinstance(arguments, CookArguments)
    return arguments


def answer(*words: str) -> Answer:
    found = parse(COOK, words)
    assert isinstance(found, Answer)
    return found


def test_values_have_the_types_of_the_table() -> None:
    arguments = read("-fg3", "--dish", "soup", "-s", "salt", "-spepper", "--hour=1", "--hour", "-2", "me")
    assert (arguments.fast, arguments.guests, arguments.dish) == (True, 3, "soup")
    assert (arguments.spices, arguments.hours) == (("salt", "pepper"), (1, -2))


def test_a_switch_takes_no_argument_whatever_follows_it_in_the_table() -> None:
    class Mixed(Arguments):
        first = switch("first", "1", "One.")
        second = text("second", "", "WORD", "No short form.")
        third = switch("third", "3", "Three.")

    found = parse(Command("lxc-x", Mixed, "Does."), ["-13", "me"])
    assert isinstance(found, Mixed)
    assert (found.first, found.second, found.third, found.name) == (True, "", True, "me")


def test_what_is_not_given_has_its_default() -> None:
    arguments = read("me")
    assert (arguments.fast, arguments.guests, arguments.dish, arguments.spices) == (False, 2, "", ())
    assert arguments.values == {"name": "me"}


def test_the_name_is_the_first_operand() -> None:
    assert (read("me", "x", "y").name, read("me", "x", "y").operands) == ("me", ("x", "y"))


def test_with_dash_n_the_first_operand_is_an_operand() -> None:
    arguments = read("x", "-n", "me", "y")
    assert (arguments.name, arguments.operands) == ("me", ("x", "y"))


def test_options_may_follow_operands() -> None:
    assert read("me", "-f", "x", "--guests", "5").guests == 5


def test_a_double_dash_ends_the_options() -> None:
    arguments = read("me", "--", "ls", "-f", "--", "--help")
    assert (arguments.operands, arguments.fast) == (("ls", "-f", "--", "--help"), False)


def test_the_name_may_follow_the_double_dash() -> None:
    assert read("--", "-me").name == "-me"


def test_a_single_dash_is_an_operand() -> None:
    assert read("me", "-").operands == ("-",)


def test_posixly_correct_ends_the_options_at_the_first_operand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSIXLY_CORRECT", "1")
    assert read("-f", "me", "ls", "-f").operands == ("ls", "-f")


def test_long_options_may_be_abbreviated() -> None:
    assert read("me", "--gue=4", "--elev").values == {"name": "me", "guests": 4, "elevated-privileges": "all"}


def test_our_own_options_are_in_no_abbreviations_way() -> None:
    class Ours(Arguments):
        foreground = switch("foreground", "F", "Stay.")
        format = switch("format", "", "Which LXC has not.")
        timeout = switch("timeout", "t", "Wait.")

    command = Command("lxc-x", Ours, "Does.")
    for word, option in (("--fo", "foreground"), ("--t", "timeout"), ("--form", "format")):
        found = parse(command, ["me", word])
        assert isinstance(found, Ours)
        assert set(found.values) == {"name", option}
    assert isinstance(parse(command, ["me", "--tra=x"]), Ours)


def test_the_last_use_counts() -> None:
    assert read("me", "-d", "soup", "--dish=pie").dish == "pie"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-e",), "all"),
        (("-eCAP",), "CAP"),
        (("-feCAP",), "CAP"),
        (("-fe",), "all"),
        (("--elevated-privileges",), "all"),
        (("--elevated-privileges=CAP|LSM",), "CAP|LSM"),
        ((), ""),
    ],
)
def test_an_optional_argument_is_glued_to_its_option(words: tuple[str, ...], expected: str) -> None:
    arguments = read("-n", "me", *words, "command")
    assert (arguments.privileges, arguments.operands) == (expected, ("command",))


def test_what_looks_like_an_option_is_an_argument_where_one_is_due() -> None:
    arguments = read("-n", "-eCAP", "--dish", "--", "-s-f")
    assert (arguments.name, arguments.dish, arguments.spices, arguments.privileges) == ("-eCAP", "--", ("-f",), "")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--x=3", "me"), "unrecognized option '--x=3'"),
        (("--x",), "unrecognized option '--x'"),
        (("--logfiel=3", "me"), "unrecognized option '--logfiel=3'; did you mean --logfile?"),
        (("-Z",), "invalid option -- 'Z'"),
        (("-fZq",), "invalid option -- 'Z'"),
        (("-?",), "invalid option -- '?'"),
        (("me", "-n"), "option requires an argument -- 'n'"),
        (("me", "-fg"), "option requires an argument -- 'g'"),
        (("me", "--na"), "option '--name' requires an argument"),
        (("--quiet=3",), "option '--quiet' doesn't allow an argument"),
        (("--version=3",), "option '--version' doesn't allow an argument"),
        (("--lo",), "option '--lo' is ambiguous; possibilities: '--logfile' '--logpriority'"),
        (("--lo=4",), "option '--lo=4' is ambiguous; possibilities: '--logfile' '--logpriority'"),
    ],
)
def test_a_mistake_is_told_in_the_words_of_gnu_and_where_the_help_is(words: tuple[str, ...], complaint: str) -> None:
    found = answer(*words)
    first, rest = found.text.split("\n", 1)
    assert (first, found.fd, found.status) == (f"lxc-cook: {complaint}", STDERR, 1)
    assert rest == "  lxc-cook --help explains all options\n"


def test_help_goes_to_stderr_and_is_no_error() -> None:
    for words in (("-h",), ("--help",), ("me", "--hel")):
        assert (answer(*words).fd, answer(*words).status) == (STDERR, 0)
        assert answer(*words).text.startswith("Usage: lxc-cook [-n] NAME [OPTION]... [WORD...]\n")


def test_help_explains_every_option() -> None:
    shown = answer("--help").text
    assert not [option.long for option in CookArguments.OPTIONS if f"--{option.long}" not in shown]
    assert max(map(len, shown.splitlines())) <= 80


def test_usage_lists_four_options_a_line() -> None:
    lines = answer("--usage").text.splitlines()
    assert lines[0] == "Usage: lxc-cook [-f|--fast] [-d|--dish=DISH] [-s|--spice=SPICE] [-g|--guests=N]"
    assert lines[1].startswith("\t[--hour=N] [-e|--elevated-privileges[=LIST]] [-c|--course=COURSE] ")


def test_the_version_is_that_of_the_interface() -> None:
    assert answer("--version") == Answer("7.0.0\n", STDOUT, 0)


def test_options_act_in_the_order_they_are_given() -> None:
    assert answer("--version", "--nonsense").text == "7.0.0\n"
    assert answer("--nonsense", "--version").status == 1


def test_a_missing_name_is_an_error() -> None:
    assert answer("-f") == Answer("lxc-cook: No container name specified\n", STDERR, 1)


def test_a_command_without_name_keeps_its_operands() -> None:
    assert (read("x", command=ANY).name, read("x", command=ANY).operands) == ("", ("x",))


def test_the_container_path_may_be_given_once() -> None:
    found = answer("-P", "/a", "-P", "/b", "me")
    assert (found.text, found.status) == ("This command only accepts 1 -P,--lxcpath arguments\n", 1)
    assert read("-P", "/a", "-P", "/b", command=ANY).lxcpaths == ("/a", "/b")


def test_the_container_path_loses_trailing_slashes() -> None:
    assert [read("me", "-P", path).lxcpath for path in ("/a/b//", "/", "rel/")] == ["/a/b", "/", "rel"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("-g", "many"), "-g, --guests: expected a whole number from 0 on, got 'many'"),
        (("--guests=-1",), "-g, --guests: expected a whole number from 0 on, got '-1'"),
        (("--hour", "noon"), "--hour: expected a whole number, got 'noon'"),
        (("-c", "dessert"), "-c, --course: expected starter or main, got 'dessert'"),
        (("-l", "loud"), "-l, --logpriority: expected a log level, one of "),
    ],
)
def test_a_bad_value_says_which_option_expected_what(words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(COOK, [*words, "me"])
    assert str(raised.value).startswith(complaint)


def test_log_levels_have_names_in_any_case_and_numbers() -> None:
    assert [read("me", "-l", level).logpriority for level in ("trace", "DEBUG", "8")] == [0, 1, 8]


def test_a_command_may_check_what_goes_together() -> None:
    def check(arguments: CookArguments) -> None:
        if arguments.fast and arguments.guests > 9:
            raise UsageError("too many to be fast")

    with pytest.raises(UsageError, match="too many"):
        parse(COOK.replace(check=check), ["me", "-fg10"])


def test_a_subclass_may_give_a_common_option_a_short_form() -> None:
    class WithFile(Arguments):
        rcfile = text("rcfile", "f", "FILE", "Use FILE.")

    found = parse(Command("lxc-x", WithFile, "Does."), ["me", "-f", "a"])
    assert isinstance(found, WithFile)
    assert found.rcfile == "a"


def test_the_common_options_alone_are_a_table_too() -> None:
    found = parse(Command("lxc-x", Arguments, "Does."), ["-q", "me"])
    assert isinstance(found, Arguments)
    assert (found.quiet, found.name) == (True, "me")


def test_a_subclass_may_do_without_a_common_option() -> None:
    class Few(Arguments):
        WITHOUT = ("logpriority",)
        list = switch("list", "l", "List.")

    found = parse(Command("lxc-x", Few, "Does."), ["-l", "me"])
    assert isinstance(found, Few)
    assert (found.list, found.logpriority) == (True, -1)
    assert isinstance(parse(Command("lxc-x", Few, "Does."), ["--logpriority=1", "me"]), Answer)


def test_gettext_is_left_as_it_was() -> None:
    import gettext  # importable again

    assert sys.modules["gettext"] is gettext
