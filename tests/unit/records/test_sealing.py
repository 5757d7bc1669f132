"""Encryption at rest, without a database."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.data_key import DataKey, SealBroken
from records.key_ring import KeyRing, KeyRingUnusable

KEY = DataKey(bytes(range(32)))


@given(st.binary(max_size=500), st.text(max_size=50))
def test_what_was_sealed_is_opened_in_its_place(plaintext: bytes, context: str) -> None:
    assert KEY.open(KEY.seal(plaintext, context=context), context=context) == plaintext


def test_the_same_words_twice_do_not_look_the_same() -> None:
    assert KEY.seal(b"yes", context="a") != KEY.seal(b"yes", context="a")


def test_a_seal_moved_to_another_row_does_not_open() -> None:
    sealed = KEY.seal(b"no known allergies", context="notes/con_1")
    with pytest.raises(SealBroken):
        KEY.open(sealed, context="notes/con_2")


def test_any_changed_byte_is_noticed() -> None:
    sealed = KEY.seal(b"5 mg", context="row")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            KEY.open(bytes(changed), context="row")


@pytest.mark.parametrize("length", [0, 1, 12, 27])
def test_a_shortened_seal_does_not_open(length: int) -> None:
    with pytest.raises(SealBroken):
        KEY.open(KEY.seal(b"5 mg", context="row")[:length], context="row")


def test_another_key_does_not_open() -> None:
    with pytest.raises(SealBroken):
        DataKey(bytes(32)).open(KEY.seal(b"5 mg", context="row"), context="row")


def test_a_key_does_not_print_itself() -> None:
    assert str(KEY) == repr(KEY) == "DataKey(…)"


def test_a_ring_is_made_once_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "records.json"
    ring = KeyRing.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert len(ring.key(ring.active)) == 32
    again = KeyRing.load_or_create(path)
    assert (again.active, again.key(again.active)) == (ring.active, ring.key(ring.active))
    assert [file.name for file in path.parent.iterdir()] == ["records.json"]


def test_rotating_adds_a_key_and_keeps_the_old_until_it_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    ring = KeyRing.load_or_create(path)
    old = ring.key("k1")
    assert ring.rotate() == ring.active == "k2"
    assert ring.key("k1") == old != ring.key("k2")
    again = KeyRing.load_or_create(path)
    assert (again.active, again.ids) == ("k2", ("k1", "k2"))
    again.forget("k1")
    assert again.ids == KeyRing.load_or_create(path).ids == ("k2",)
    assert again.rotate() == "k3", "an id is never used twice"
    with pytest.raises(KeyRingUnusable):
        again.key("k1")
    with pytest.raises(ValueError, match="active"):
        again.forget("k3")
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_tenth_key_comes_after_the_ninth(tmp_path: Path) -> None:
    ring = KeyRing.load_or_create(tmp_path / "ring.json")
    for _ in range(10):
        ring.rotate()
    assert ring.active == ring.ids[-1] == "k11"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_ring_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ring.json"
    KeyRing.load_or_create(path)
    path.chmod(mode)
    with pytest.raises(KeyRingUnusable, match="0600"):
        KeyRing.load_or_create(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"active": "k1", "keys": {}}',
        '{"active": "k1", "keys": {"k1": "c2hvcnQ="}}',
        '{"active": "k1", "keys": {"k1": 5}}',
        '{"active": "k1", "keys": {"../k1": "' + "A" * 43 + '="}}',
        '{"active": "k2", "keys": {"k1": "' + "A" * 43 + '="}}',
    ],
)
def test_a_damaged_ring_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ring.json"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(KeyRingUnusable, match="damaged"):
        KeyRing.load_or_create(path)
    assert path.read_text() == text


def test_secrets_do_not_show_in_what_a_ring_says_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    ring = KeyRing.load_or_create(path)
    secret = json.loads(path.read_text())["keys"]["k1"]
    with pytest.raises(KeyRingUnusable) as unknown:
        ring.key("k7")
    assert secret not in f"{ring!r} {unknown.value!r}"
