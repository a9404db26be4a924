"""Sealed credentials open in their own row only."""

import pytest

from tokenportal import crypto
from tokenportal.keys import Keyring
from tokenportal.secret import Secret

RING = Keyring("k1", {"k1": b"1" * 32})
HERE = {"table": "connection", "column": "sealed_credential", "row_id": "a"}


def test_what_is_sealed_opens_in_its_row() -> None:
    text = crypto.seal(Secret("value"), RING, **HERE)  # type: ignore[arg-type]
    assert "value" not in text
    assert crypto.open_sealed(text, RING, **HERE) == Secret("value")  # type: ignore[arg-type]


@pytest.mark.parametrize("other", [{"row_id": "b"}, {"column": "name"}, {"table": "token"}])
def test_a_ciphertext_that_was_moved_does_not_open(other: dict[str, str]) -> None:
    text = crypto.seal(Secret("value"), RING, **HERE)  # type: ignore[arg-type]
    with pytest.raises(crypto.CannotOpen):
        crypto.open_sealed(text, RING, **{**HERE, **other})  # type: ignore[arg-type]


def test_a_changed_ciphertext_or_another_key_does_not_open() -> None:
    text = crypto.seal(Secret("value"), RING, **HERE)  # type: ignore[arg-type]
    for wrong in (text[:-4] + "AAAA", "", "1.k1.@@", text.replace("k1", "k2")):
        with pytest.raises(crypto.CannotOpen):
            crypto.open_sealed(wrong, RING, **HERE)  # type: ignore[arg-type]
    with pytest.raises(crypto.CannotOpen):
        crypto.open_sealed(text, Keyring("k1", {"k1": b"2" * 32}), **HERE)  # type: ignore[arg-type]


def test_an_older_key_still_opens_what_it_sealed() -> None:
    text = crypto.seal(Secret("value"), RING, **HERE)  # type: ignore[arg-type]
    newer = Keyring("k2", {"k1": b"1" * 32, "k2": b"2" * 32})
    assert crypto.open_sealed(text, newer, **HERE) == Secret("value")  # type: ignore[arg-type]
