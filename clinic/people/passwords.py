"""What makes a password too easy to guess. No rules about symbols: length, and nothing an attacker tries first."""

import re
from collections.abc import Iterable

from clinic.kernel.errors import RefusalError

PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX = 12, 200
DISTINCT_CHARS_MIN = 5
PERIOD_CHARS_MAX = 4  # "abcdabcdabcd" is four characters, however often
RUN_CHARS_MIN = 4
LEFT_CHARS_MIN = 6  # what must remain beside runs such as "12345" or "qwerty"
PERSONAL_CHARS_MIN = 4
# The words of which the passwords on every list of leaked ones are made.
COMMON_WORDS = (
    "password", "passwort", "pass", "word", "passphrase", "admin", "administrator", "root", "user", "guest", "login", "logon",
    "welcome", "letmein", "changeme", "change", "secret", "default", "master", "access", "system", "server", "service",
    "qwerty", "qwertz", "azerty", "asdf", "zxcv", "abc", "test", "testing", "hello", "hi", "my", "the", "is", "i", "love",
    "you", "me", "iloveyou", "trust", "no", "trustno", "monkey", "dragon", "football", "baseball", "basketball", "soccer",
    "hockey", "princess", "sunshine", "shadow", "superman", "batman", "starwars", "pokemon", "michael", "jordan", "jennifer",
    "jessica", "charlie", "daniel", "thomas", "computer", "internet", "whatever", "freedom", "flower", "butterfly", "chocolate",
    "cheese", "summer", "winter", "spring", "autumn", "fall", "january", "february", "march", "april", "may", "june", "july",
    "august", "september", "october", "november", "december", "monday", "tuesday", "wednesday", "thursday", "friday",
    "saturday", "sunday", "clinic", "practice", "therapy", "therapist", "counselling", "counseling", "health", "office",
    "doctor", "front", "desk", "owner", "new", "temp", "temporary", "company", "london", "boston", "america", "please",
    "remember", "forget",
    "life", "money", "happy", "jesus", "god", "lucky", "mustang", "ferrari", "google", "facebook", "windows", "apple",
    "samsung",
)  # fmt: skip
RUNS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "!@#$%^&*()",
)  # fmt: skip
_COMMON = re.compile("(?:" + "|".join(sorted(COMMON_WORDS, key=len, reverse=True)) + ")+")
_LOOKALIKES = str.maketrans("0134578@$!", "oieastbasi")


class PasswordError(RefusalError):
    """Refuse a password that is too short or too easy to guess."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="password")


def check(password: str, personal: Iterable[str] = ()) -> None:
    """Refuse what an attacker tries first.

    Args:
        password: the new password.
        personal: names and addresses that must not stand in it: the practice's, the person's, the e-mail's first part.

    Raises:
        PasswordError: it is too short, too long or too easy to guess.
    """
    if len(password) < PASSWORD_CHARS_MIN:
        raise PasswordError(f"Use at least {PASSWORD_CHARS_MIN} characters. A few unrelated words do well.")
    if len(password) > PASSWORD_CHARS_MAX:
        raise PasswordError(f"Use at most {PASSWORD_CHARS_MAX} characters.")
    plain = password.casefold()
    if len(set(plain)) < DISTINCT_CHARS_MIN or _period(plain) <= PERIOD_CHARS_MAX:
        raise PasswordError("This repeats the same few characters. Use a few unrelated words.")
    if len(_without_runs(plain)) < LEFT_CHARS_MIN:
        raise PasswordError("This is a row of neighbouring keys or numbers. Use a few unrelated words.")
    if _is_common(plain):
        raise PasswordError("This is among the passwords that are tried first. Use a few unrelated words.")
    squeezed = _squeezed(plain)
    if any(part in squeezed for part in map(_squeezed, personal) if len(part) >= PERSONAL_CHARS_MIN):
        raise PasswordError("This contains a name that is easy to look up. Leave names and e-mail addresses out.")


def personal_parts(practice_name: str, name: str, email: str) -> list[str]:
    """Return what of these must not stand in a password."""
    return [practice_name, email, email.partition("@")[0], *name.split()]


def _period(text: str) -> int:
    return (text + text).index(text, 1)


def _without_runs(text: str) -> str:
    for row in RUNS:
        for way in (row, row[::-1]):
            for length in range(len(way), RUN_CHARS_MIN - 1, -1):
                for start in range(len(way) - length + 1):
                    text = text.replace(way[start : start + length], "")
    return text


def _is_common(plain: str) -> bool:
    # Once with digits and signs read as letters ("p4ssw0rd"), once with them left out ("password2026!").
    tried = {re.sub(r"[^a-z]", "", plain), re.sub(r"[^a-z]", "", plain.translate(_LOOKALIKES))}
    tried.add(re.sub(r"[^a-z]", "", plain.rstrip("0123456789!?.#*- ").translate(_LOOKALIKES)))
    return any(not letters or _COMMON.fullmatch(letters) for letters in tried)


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())
