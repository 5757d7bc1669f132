"""Which passwords are accepted, and how they are kept."""

import pytest
from argon2 import extract_parameters

from identity import passwords
from identity.passwords import DEMONSTRATION_PASSWORD, PasswordRefused, check_new


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "心里有一匹正确的马和电池钉书钉", "x7!kQ-pm2#zz", "twelve chars"],
)
def test_length_is_what_matters(password: str) -> None:
    check_new(password, login="dr.han")


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "elevenchars",
        "x" * 257,
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "PasswordPassword",
        "123456789012",
        DEMONSTRATION_PASSWORD,
        "Consilium-Demo",
        "dr.han-dr.han",
        "twelve chars\ud800",
    ],
)
def test_what_is_short_or_well_known_is_refused(password: str) -> None:
    with pytest.raises(PasswordRefused):
        check_new(password, login="dr.han")


def test_the_demonstration_password_is_for_the_demonstration_only() -> None:
    check_new(DEMONSTRATION_PASSWORD, login="dr.han", demonstration=True)
    with pytest.raises(PasswordRefused):
        check_new("other-short", login="dr.han", demonstration=True)


def test_a_hash_knows_its_password_and_no_other() -> None:
    stored = passwords.hash_of("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert passwords.matches(stored, "correct horse battery")
    assert not passwords.matches(stored, "correct horse batterz")
    assert not passwords.is_outdated(stored)
    assert passwords.hash_of("correct horse battery") != stored


def test_the_same_letters_from_another_keyboard_are_the_same_password() -> None:
    stored = passwords.hash_of("Ame\u0301lie at the clinic")
    assert passwords.matches(stored, "Am\u00e9lie at the clinic")


@pytest.mark.parametrize("password", ["x" * 100_000, "\ud800", "\0"])
def test_strange_input_just_does_not_match(password: str) -> None:
    assert not passwords.matches(passwords.NOBODYS_HASH, password)


@pytest.mark.parametrize("stored", ["", "plain", "$argon2id$v=19$m=65536,t=3,p=4$x"])
def test_a_damaged_hash_just_does_not_match(stored: str) -> None:
    assert not passwords.matches(stored, "correct horse battery")


def test_nobodys_hash_costs_what_everybodys_costs() -> None:
    assert extract_parameters(passwords.NOBODYS_HASH) == extract_parameters(passwords.hash_of("correct horse battery"))


def test_weaker_hashes_of_earlier_times_are_recognised() -> None:
    assert passwords.is_outdated("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43)
