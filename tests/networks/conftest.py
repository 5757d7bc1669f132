"""Visits of real browsers on lines that can be made to fail."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.namespace import NoNamespace
from tests.e2e.conftest import CHROMIUM
from tests.networks.place import Place, a_place


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="NO CHROMIUM on this machine"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(a_place(tmp_path_factory.mktemp("place")))
        except NoNamespace as problem:
            pytest.skip(f"NO TEST OF NETWORKS without network namespaces: {problem}")
        yield opened
