"""Which passwords are too easy to guess."""

import pytest

from clinic.people import passwords

PERSONAL = passwords.personal_parts("Quillmere Practice", "Pat Oyelaran", "pat.o@quillmere.example")


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars", "password1234", "Password2026!", "p4ssw0rdp4ssw0rd", "Welcome2026!!", "letmeinletmein", "iloveyou2026",
        "qwertyuiop12", "1qaz2wsx3edc4rfv", "123456789012", "839201847562", "aaaaaaaaaaaa", "abababababab", "abcdabcdabcdabcd",
        "abcdefghijkl", "0987654321ba", "summersunshine", "admin-admin-2026", "quillmere practice 77", "oyelaran likes tea",
        "zzz pat.o zzz kkk", "x" * 201, "!!!!!!!!!!!!!", "            ",
    ],
)  # fmt: skip
def test_a_password_that_is_tried_first_is_refused(password):
    with pytest.raises(passwords.PasswordError) as refused:
        passwords.check(password, PERSONAL)
    assert refused.value.field == "password"


@pytest.mark.parametrize(
    "password",
    [
        "a long enough password",
        "clinic-demo-2026",
        "tulip orbit candle",
        "kX9$vTq2!mZw",
        "ünïcödé räpper",
        "🦉 nine owls 🦉 hoot",
    ],
)
def test_a_few_unrelated_words_are_accepted(password):
    passwords.check(password, PERSONAL)
