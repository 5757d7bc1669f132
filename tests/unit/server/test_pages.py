"""Which files are shown, under which policy."""

import base64
import hashlib
from pathlib import Path

import pytest

from server.pages import STATIC, Pages, content_security_policy


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "views").mkdir(parents=True)
    (root / "app.js").write_text("export {}")
    (root / "views" / "home.js").write_text("export {}" * 500)
    (root / "notes.md").write_text("not shown")
    (root / ".hidden.js").write_text("not shown")
    (tmp_path / "secret.js").write_text("not shown")
    (root / "link.js").symlink_to(tmp_path / "secret.js")
    return root


@pytest.mark.parametrize(
    "path",
    [
        "../secret.js",
        "views/../../secret.js",
        "/etc/passwd",
        "link.js",
        ".hidden.js",
        "views/.git/x.js",
        "notes.md",
        "absent.js",
        "views",
        "",
        "app.js\0",
        "app.js/",
    ],
)
def test_what_is_not_to_be_shown_is_absent(root: Path, path: str) -> None:
    assert Pages(root)._read(path) is None


def test_a_file_has_its_type_and_a_digest(root: Path) -> None:
    found = Pages(root)._read("app.js")
    assert found is not None
    assert found.content_type == "text/javascript; charset=utf-8"
    assert found.etag == hashlib.sha256(b"export {}").hexdigest()[:32]
    assert found.compressed is None  # too small to be worth it


def test_text_is_compressed_when_that_is_worth_it(root: Path) -> None:
    found = Pages(root)._read("views/home.js")
    assert found is not None
    assert found.compressed is not None
    assert len(found.compressed) < len(found.body) / 10


def test_a_changed_file_is_read_again(root: Path) -> None:
    pages = Pages(root)
    before, version = pages._read("app.js"), pages.version()
    (root / "app.js").write_text("export const changed = 1;")
    after = pages._read("app.js")
    assert before is not None
    assert after is not None
    assert after.body != before.body
    assert pages.version() != version


def test_inline_scripts_are_allowed_by_digest_and_by_nothing_else() -> None:
    html = b'<script type="importmap">{"imports": {}}</script><script type="module" src="/static/app.js"></script>'
    policy = content_security_policy(html, "http://127.0.0.1:8080")
    digest = base64.b64encode(hashlib.sha256(b'{"imports": {}}').digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert policy.count("sha256-") == 1
    assert "unsafe" not in policy
    assert "connect-src 'self' ws://127.0.0.1:8080 wss://127.0.0.1:8080;" in policy


def test_a_strange_host_cannot_add_to_the_policy() -> None:
    policy = content_security_policy(b"", "http://evil.example; script-src *")
    assert "evil" not in policy


def test_the_real_page_has_one_inline_script() -> None:
    html = (STATIC / "index.html").read_bytes()
    assert content_security_policy(html, "").count("sha256-") == 1
