"""Merkle trees as in RFC 6962, section 2.1: one hash for a list, of which every entry can be proven apart."""

import hashlib
from collections.abc import Iterable


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of one entry. It can't be taken for that of a node."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over the entries in their order; memory grows with the logarithm of their number."""
    waiting: list[tuple[int, bytes]] = []  # subtrees that are complete, each smaller than the one before
    for content in leaves:
        size, digest = 1, leaf_hash(content)
        while waiting and waiting[-1][0] == size:
            digest = node_hash(waiting.pop()[1], digest)
            size *= 2
        waiting.append((size, digest))
    if not waiting:
        return hashlib.sha256().digest()
    root = waiting.pop()[1]
    while waiting:
        root = node_hash(waiting.pop()[1], root)
    return root
