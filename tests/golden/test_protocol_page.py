"""The protocol's page is what its code says."""

from tools.protocol_page import PAGE, page


def test_the_page_is_fresh():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make protocol`"


def test_every_reference_in_the_page_leads_somewhere():
    text = page()
    headings = {line.lstrip("# ").lower() for line in text.splitlines() if line.startswith("#")}
    referred = {part.partition(")")[0] for part in text.split("](#")[1:]}
    assert referred <= headings
