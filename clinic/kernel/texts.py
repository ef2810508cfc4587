"""How texts people type are folded, so that lists sort and searches match whatever the case and the accents."""

import unicodedata

# Letters that no decomposition takes apart.
_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "’": "'"})


def folded(text: str) -> str:
    """Return the text in lower case without accents, its blanks single: "  José  ØRSTED" is "jose orsted"."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(char for char in apart if not unicodedata.combining(char))
    return " ".join(bare.translate(_LETTERS).split())


def digits(text: str) -> str:
    """Return the digits 0 to 9 of a text: what two spellings of a phone number share."""
    return "".join(char for char in text if char in "0123456789")
