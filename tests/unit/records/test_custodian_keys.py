"""Custodians' key files, HPKE and parts of a secret: what opens, and what does not."""

import base64
import json
from itertools import combinations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from records import hpke
from records.custodian_key_file import KeyFileUnusable, fresh_key, key_file, opened
from records.data_key import SealBroken
from records.secret_sharing import joined, split

PASSPHRASE = "seven purple kettles"


def written(passphrase: str = PASSPHRASE) -> bytes:
    return key_file(fresh_key(), owner="Cato", passphrase=passphrase, iterations=10)


def test_a_key_file_opens_with_its_passphrase_however_it_was_typed() -> None:
    key = fresh_key()
    content = key_file(key, owner="卡托", passphrase="caf\u00e9 au lait, bien chaud", iterations=10)
    assert opened(content, "cafe\u0301 au lait, bien chaud").fingerprint == key.fingerprint
    assert base64.b64encode(key.private.private_bytes_raw()) not in content
    assert key.private.private_bytes_raw().hex().encode() not in content


def test_a_key_file_opens_with_no_other_passphrase_and_not_when_altered() -> None:
    content = written()
    with pytest.raises(KeyFileUnusable, match="passphrase"):
        opened(content, PASSPHRASE + " ")
    other = json.loads(written())
    for field in ("public_key", "sealed"):
        altered = {**json.loads(content), field: other[field]}
        with pytest.raises(KeyFileUnusable):
            opened(json.dumps(altered).encode(), PASSPHRASE)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b'{"type": "something else"}', b"\xff\xfe", b"x" * 20_000, b'{"kdf": 3, "type": "x"}'],
)
def test_another_file_is_told_from_a_key_file(content: bytes) -> None:
    with pytest.raises(KeyFileUnusable, match="not a custodian's key file"):
        opened(content, PASSPHRASE)


@pytest.mark.parametrize("iterations", [0, -1, 10**9, "10", 1.5, None])
def test_a_key_file_can_t_keep_a_machine_busy(iterations: object) -> None:
    content = json.loads(written())
    content["kdf"]["iterations"] = iterations
    with pytest.raises(KeyFileUnusable):
        opened(json.dumps(content).encode(), PASSPHRASE)


def test_a_short_passphrase_is_none() -> None:
    with pytest.raises(ValueError, match="14 characters"):
        written("seven kettles")


def test_what_is_sealed_to_a_key_opens_with_it_in_its_place_only() -> None:
    key, other = fresh_key(), fresh_key()
    sealed = hpke.seal_to(key.public, b"a part", context="custody/con_1/k")
    assert hpke.open_with(key.private, sealed, context="custody/con_1/k") == b"a part"
    for private, context in ((other.private, "custody/con_1/k"), (key.private, "custody/con_2/k")):
        with pytest.raises(SealBroken):
            hpke.open_with(private, sealed, context=context)
    with pytest.raises(SealBroken):
        hpke.open_with(key.private, sealed[:20], context="custody/con_1/k")


def test_what_is_no_public_key_is_told() -> None:
    assert hpke.is_public_key(X25519PrivateKey.generate().public_key().public_bytes_raw())
    assert not hpke.is_public_key(bytes(32))
    assert not hpke.is_public_key(b"\x01" + bytes(31))
    assert not hpke.is_public_key(b"short")


@settings(deadline=None, max_examples=30)
@given(st.binary(min_size=32, max_size=32), st.integers(1, 5), st.integers(0, 3))
def test_any_quorum_of_the_parts_is_the_secret_and_fewer_are_not(secret: bytes, quorum: int, more: int) -> None:
    parts = split(secret, into=quorum + more, quorum=quorum)
    for some in combinations(parts, quorum):
        assert joined(some, quorum=quorum) == secret
    with pytest.raises(ValueError, match="too few"):
        joined(parts[: quorum - 1], quorum=quorum)
    if quorum > 2:
        assert joined(parts[: quorum - 1], quorum=quorum - 1) != secret


def test_more_parts_can_t_be_needed_than_there_are() -> None:
    with pytest.raises(ValueError, match="no fewer"):
        split(bytes(32), into=1, quorum=2)
