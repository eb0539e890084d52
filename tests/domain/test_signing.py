"""Signatures: only who holds a key makes one, and it fits exactly the fields that it was made over."""

import hashlib
import hmac

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.signing import Signature, SigningKeys
from tests.domain.samples import texts

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
