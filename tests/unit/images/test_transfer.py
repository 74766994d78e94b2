"""How a server may be named, and what of a proxy is shown."""

import pytest

from lxc.errors import UsageError
from lxc.images import transfer


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("images.linuxcontainers.org", "https://images.linuxcontainers.org"),
        ("localhost:8443", "https://localhost:8443"),
        ("[::1]:8443", "https://[::1]:8443"),
        ("https://mirror.example/lxc/", "https://mirror.example/lxc"),
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("mirror.example/lxc", "https://mirror.example/lxc"),
    ],
)
def test_a_server_is_a_host_or_a_url_and_https_unless_it_says_otherwise(text: str, url: str) -> None:
    assert transfer.server(text) == url


@pytest.mark.parametrize(
    "text", ["", "/", "ftp://x", "file:///etc", "x:port", "x:99999", "https://", "a b", "a\nb", "https://joe@x", "x?y"]
)
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no server"):
        transfer.server(text)


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({}, "https://a", ""),
        ({"https_proxy": "http://p:1"}, "https://a", "http://p:1"),
        ({"https_proxy": "p:1"}, "https://a:8443/x", "http://p:1"),
        ({"http_proxy": "http://p:1"}, "https://a", ""),
        ({"http_proxy": "http://p:1"}, "http://a", "http://p:1"),
        ({"https_proxy": "http://p:1", "no_proxy": "b, .a.example"}, "https://x.a.example", ""),
        ({"https_proxy": "http://p:1", "no_proxy": "*"}, "https://x", ""),
    ],
)
def test_the_proxy_is_the_one_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, proxy: str
) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert transfer._proxy(url) == proxy


def test_a_proxys_password_is_not_shown() -> None:
    assert transfer._shown("http://joe:secret@p:1") == "http://p:1"
