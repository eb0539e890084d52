"""Signatures: only who holds a key makes one, and it fits exactly the fields that it was made over."""

import hashlib
import hmac
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.signing import Signature, SigningKeys, unverified_text
from tests.domain.samples import json_values, texts

OLD, NEW = bytes(range(32)), bytes(reversed(range(32)))
KEYS = SigningKeys({"k1": OLD})
FIELDS = ("decide", "018f3c6e", "ana", "")

fields = st.lists(texts, max_size=5)


@given(fields)
def test_what_was_signed_is_verified(signed: list[str]) -> None:
    """A signature fits the fields that it was made over, whatever text they hold."""
    assert KEYS.verify(signed, KEYS.sign(signed))


@given(fields, fields)
def test_a_signature_fits_no_other_fields(signed: list[str], others: list[str]) -> None:
    """Two different lists of fields never share a signature."""
    assume(signed != others)
    assert not KEYS.verify(others, KEYS.sign(signed))


@given(texts.filter(lambda text: len(text) > 1), st.data())
def test_no_character_moves_from_one_field_to_the_next(text: str, data: st.DataObject) -> None:
    """Fields are length-prefixed: the same characters, divided elsewhere, have another MAC."""
    cut, elsewhere = data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True))
    one = KEYS.sign((text[:cut], text[cut:]))
    other = KEYS.sign((text[:elsewhere], text[elsewhere:]))
    assert one.mac != other.mac


@pytest.mark.parametrize(
    "others",
    [FIELDS[:-1], (*FIELDS, ""), ("", *FIELDS), FIELDS[::-1], ("".join(FIELDS),), ()],
    ids=["one less", "one more", "one before", "reversed", "joined", "none"],
)
def test_the_number_and_the_order_of_fields_count(others: tuple[str, ...]) -> None:
    """An empty field is a field, and each has its place."""
    assert not KEYS.verify(others, KEYS.sign(FIELDS))


def test_a_signature_is_an_hmac_that_others_can_compute() -> None:
    """HMAC-SHA-256 over the key id and the fields, each as UTF-8 after its length in four bytes, big-endian."""
    message = b"\x00\x00\x00\x02k1\x00\x00\x00\x03\xe2\x82\xac\x00\x00\x00\x00"
    expected = hmac.new(OLD, message, hashlib.sha256).hexdigest()
    assert KEYS.sign(("€", "")) == Signature(key_id="k1", mac=expected)


@pytest.mark.parametrize(
    "forged",
    [
        None,
        Signature(key_id="k2", mac=KEYS.sign(FIELDS).mac),
        Signature(key_id="", mac=KEYS.sign(FIELDS).mac),
        Signature(key_id="k1", mac=""),
        Signature(key_id="k1", mac=KEYS.sign(FIELDS).mac[:-1]),
        Signature(key_id="k1", mac=KEYS.sign(FIELDS).mac.upper()),
        Signature(key_id="k1", mac="é" * 64),
        SigningKeys({"k1": NEW}).sign(FIELDS),
    ],
    ids=["none", "unknown key id", "no key id", "no MAC", "cut MAC", "upper case", "not ASCII", "other secret"],
)
def test_anything_but_the_signature_is_refused(forged: Signature | None) -> None:
    """A missing, foreign or altered signature proves nothing, and is no error either."""
    assert KEYS.verify(FIELDS, KEYS.sign(FIELDS))
    assert not KEYS.verify(FIELDS, forged)


@pytest.mark.parametrize("place", range(len(FIELDS)))
@pytest.mark.parametrize("half", ["\ud83d", "\ude00b", "a\ud800b"], ids=ascii)
def test_half_a_surrogate_pair_proves_nothing(half: str, place: int) -> None:
    """No UTF-8 exists for it, in a field or in the signature: it is refused, and no error."""
    forged = (*FIELDS[:place], half, *FIELDS[place + 1 :])
    true = KEYS.sign(FIELDS)
    assert KEYS.verify(forged, true) is False
    assert KEYS.verify(FIELDS, Signature.model_construct(key_id="k1", mac=half)) is False
    assert KEYS.verify(FIELDS, Signature.model_construct(key_id=half, mac=true.mac)) is False


def test_two_halves_are_not_the_whole() -> None:
    """A pair written as two halves has other bytes than the letter that it stands for."""
    assert not KEYS.verify(("\ud83d\ude00",), KEYS.sign(("😀",)))


def test_a_signature_is_bound_to_its_key_id() -> None:
    """A MAC cannot be passed off as made by another key, even where both ids share their secret."""
    twins = SigningKeys({"k1": OLD, "k2": OLD})
    assert not twins.verify(FIELDS, Signature(key_id="k2", mac=twins.sign(FIELDS).mac))


def test_keys_can_be_rotated() -> None:
    """The first key signs and all verify, until the old one is taken away."""
    before, during, after = KEYS, SigningKeys({"k2": NEW, "k1": OLD}), SigningKeys({"k2": NEW})
    old, new = before.sign(FIELDS), during.sign(FIELDS)
    assert (old.key_id, new.key_id) == ("k1", "k2")
    assert during.verify(FIELDS, old)
    assert during.verify(FIELDS, new)
    assert after.verify(FIELDS, new)
    assert not after.verify(FIELDS, old)
    assert not before.verify(FIELDS, new)


def test_keys_do_not_change_behind_a_signer() -> None:
    """Taking a key out of the mapping that was passed in does not change who verifies."""
    given_keys = {"k1": OLD}
    keys = SigningKeys(given_keys)
    given_keys.clear()
    assert keys.verify(FIELDS, KEYS.sign(FIELDS))


def test_without_a_key_nothing_starts() -> None:
    """No key at all would mean that nothing could be proven: that is refused at once."""
    with pytest.raises(ValueError, match="At least one signing key"):
        SigningKeys({})


@given(json_values)
def test_any_json_travels_as_text(content: JsonValue) -> None:
    """It reads back as what came, and is ASCII: every parser, queue and database takes it."""
    text = unverified_text(content, 10_000)
    assert text is not None
    assert text.isascii()
    assert json.loads(text) == content


@pytest.mark.parametrize("content", ["\ud800", {"\udfff": 1}], ids=["value", "key"])
def test_half_a_surrogate_pair_travels_escaped(content: JsonValue) -> None:
    """Whoever parses it strictly refuses it there; on the way it breaks nothing."""
    text = unverified_text(content, 100)
    assert text is not None
    assert text.isascii()


@pytest.mark.parametrize(("limit", "passes"), [(4, False), (5, True), (6, True)])
def test_more_text_than_the_limit_is_dropped(limit: int, *, passes: bool) -> None:
    """The limit counts the characters of the JSON text, and is itself still good."""
    assert unverified_text("abc", limit) == ('"abc"' if passes else None)


_CIRCLE: list[object] = []
_CIRCLE.append(_CIRCLE)
_DEEP: list[object] = []
for _ in range(100_000):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    "content",
    [object(), b"bytes", {("a", "b"): 1}, 10**5_000, _CIRCLE, _DEEP],
    ids=["object", "bytes", "tuple key", "huge integer", "circle", "deep"],
)
def test_what_is_no_json_is_dropped(content: object) -> None:
    """It can prove nothing, and no exception of it reaches the workflow."""
    assert unverified_text(content, 10_000) is None
