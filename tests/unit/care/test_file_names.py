import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.content_type import EXTENSIONS, JPEG, PDF, PNG, TEXT
from care.file_names import NAME_LIMIT_CHARACTERS, safe_name


@pytest.mark.parametrize(
    ("name", "content_type", "safe"),
    [
        ("rash.JPG", JPEG, "rash.JPG"),
        ("化验单 2026.pdf", PDF, "化验单 2026.pdf"),
        ("../../etc/passwd", TEXT, "passwd.txt"),
        ("C:\\fakepath\\photo.png", PNG, "photo.png"),
        ("run.bat", TEXT, "run.bat.txt"),
        ("page.html", TEXT, "page.html.txt"),
        ("invoice\u202egpj.exe", TEXT, "invoicegpj.exe.txt"),
        ('a"b\r\nc.png', PNG, "a_bc.png"),
        ("", PNG, "file.png"),
        (".pdf", PDF, "file.pdf"),
        ("...", TEXT, "file.txt"),
        ("\udcff.png", PNG, "file.png"),
    ],
)
def test_names_become_safe_and_stay_readable(name: str, content_type: str, safe: str) -> None:
    assert safe_name(name, content_type) == safe


@given(st.text(), st.sampled_from(sorted(EXTENSIONS)))
def test_every_name_ends_as_its_type_does_and_is_short_and_stays_the_same_when_cleaned_again(
    name: str, content_type: str
) -> None:
    safe = safe_name(name, content_type)
    assert safe.lower().endswith(EXTENSIONS[content_type])
    assert 4 < len(safe) <= NAME_LIMIT_CHARACTERS
    assert not set(safe) & set('/\\\r\n\0"<>')
    assert safe_name(safe, content_type) == safe
