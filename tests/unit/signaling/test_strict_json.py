"""JSON is strict in both directions, whatever comes."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import Invalid
from signaling import protocol
from signaling.strict_json import DEPTH_LIMIT, dumps, loads, split_event

plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_what_is_written_is_read_as_it_was(value):
    assert loads(dumps(value)) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1e999",
        '"\\ud800"',
        b'"\xff"',
        "[" * (DEPTH_LIMIT + 1) + "]" * (DEPTH_LIMIT + 1),
        "[" * 100_000,
        '{"a":' * 100_000,
        "[1,]",
        "{'a':1}",
        "[1] 2",
    ],
)
def test_what_is_not_strict_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        loads(text)


def test_a_lone_surrogate_is_never_written():
    with pytest.raises(UnicodeEncodeError):
        dumps("\ud800")


def test_an_event_is_a_name_and_one_argument_or_none():
    assert split_event(b'["chat_send",{"id":1}]') == ("chat_send", b'{"id":1}')
    assert split_event(b'["room_leave"]') == ("room_leave", b"{}")


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"[]", b"[1]", b'["a",{},{}]', b'["a",NaN]', b'["a",', b'["\xff"]', b'["a",' + b"[" * 100_000],
)
def test_anything_else_is_no_event(payload):
    with pytest.raises(Invalid):
        split_event(payload)


@given(st.binary(max_size=200) | json_values.map(lambda value: dumps(["chat_send", value]).encode()))
def test_rubbish_is_refused_as_invalid_and_with_nothing_else(payload):
    with suppress(Invalid):
        assert type(protocol.decode(*split_event(payload))) in protocol.CLIENT_EVENTS


@given(st.sampled_from(protocol.CLIENT_EVENTS), json_values)
def test_every_event_refuses_odd_arguments_as_invalid(event, argument):
    with suppress(Invalid):
        assert type(protocol.decode(protocol.event_name(event), dumps(argument).encode())) is event
