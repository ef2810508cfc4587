"""The test cards: which number or token pays, which one declines, and how."""

from dataclasses import dataclass

from clinic.demo.stripe_errors import Json


@dataclass(frozen=True)
class Decline:
    """How a card refuses: the codes a merchant sees and the words a cardholder sees."""

    code: str
    decline_code: str | None
    advice_code: str | None
    network_decline_code: str | None
    message: str


_DECLINED = "Your card was declined."

DECLINES = {
    "generic_decline": Decline("card_declined", "generic_decline", "try_again_later", "01", _DECLINED),
    "insufficient_funds": Decline(
        "card_declined", "insufficient_funds", "try_again_later", "51", "Your card has insufficient funds."
    ),
    "lost_card": Decline("card_declined", "lost_card", "do_not_try_again", "41", _DECLINED),
    "stolen_card": Decline("card_declined", "stolen_card", "do_not_try_again", "43", _DECLINED),
    "expired_card": Decline("expired_card", "expired_card", "do_not_try_again", "54", "Your card has expired."),
    "incorrect_cvc": Decline(
        "incorrect_cvc", "incorrect_cvc", "confirm_card_data", "N7", "Your card's security code is incorrect."
    ),
    "processing_error": Decline(
        "processing_error",
        "processing_error",
        "try_again_later",
        "96",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    "fraudulent": Decline("card_declined", "fraudulent", "do_not_try_again", "59", _DECLINED),
    "card_velocity_exceeded": Decline(
        "card_declined",
        "card_velocity_exceeded",
        "try_again_later",
        "65",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    ),
    "test_mode_live_card": Decline(
        "card_declined",
        "test_mode_live_card",
        None,
        None,
        "Your card was declined. Your request was in test mode, but used a non test card.",
    ),
    "authentication_required": Decline(
        "authentication_required",
        "authentication_required",
        None,
        None,
        "Your card was declined. This transaction requires authentication.",
    ),
}


@dataclass(frozen=True)
class TestCard:
    """A card of the published test table; `decline` names a row of DECLINES, None pays."""

    number: str
    brand: str
    tokens: tuple[str, ...]
    decline: str | None = None
    declines_when_saved: bool = True
    is_disputed: bool = False  # pays, and its holder asks the bank for it back at once
    funding: str = "credit"
    country: str = "US"

    @property
    def cvc_length(self) -> int:
        """Give the number of digits of the security code."""
        return 4 if self.brand == "amex" else 3


CARDS = (
    TestCard("4242424242424242", "visa", ("visa",)),
    TestCard("4000056655665556", "visa", ("visa_debit",), funding="debit"),
    TestCard("5555555555554444", "mastercard", ("mastercard",)),
    TestCard("2223003122003222", "mastercard", ("mastercard_2series",)),
    TestCard("5200828282828210", "mastercard", ("mastercard_debit",), funding="debit"),
    TestCard("378282246310005", "amex", ("amex",)),
    TestCard("6011111111111117", "discover", ("discover",)),
    TestCard("3056930009020004", "diners", ("diners",)),
    TestCard("3566002020360505", "jcb", ("jcb",)),
    TestCard("4000000000000259", "visa", ("createDispute",), is_disputed=True),
    TestCard("4000000000000002", "visa", ("visa_chargeDeclined", "chargeDeclined"), "generic_decline"),
    TestCard(
        "4000000000009995",
        "visa",
        ("visa_chargeDeclinedInsufficientFunds", "chargeDeclinedInsufficientFunds"),
        "insufficient_funds",
    ),
    TestCard("4000000000009987", "visa", ("visa_chargeDeclinedLostCard", "chargeDeclinedLostCard"), "lost_card"),
    TestCard("4000000000009979", "visa", ("visa_chargeDeclinedStolenCard", "chargeDeclinedStolenCard"), "stolen_card"),
    TestCard("4000000000000069", "visa", ("chargeDeclinedExpiredCard", "visa_chargeDeclinedExpiredCard"), "expired_card"),
    TestCard("4000000000000127", "visa", ("chargeDeclinedIncorrectCvc", "visa_chargeDeclinedIncorrectCvc"), "incorrect_cvc"),
    TestCard(
        "4000000000000119",
        "visa",
        ("chargeDeclinedProcessingError", "visa_chargeDeclinedProcessingError"),
        "processing_error",
    ),
    TestCard("4100000000000019", "visa", ("radarBlock", "visa_chargeDeclinedFraudulent"), "fraudulent"),
    TestCard("4000000000006975", "visa", ("visa_chargeDeclinedVelocityLimitExceeded",), "card_velocity_exceeded"),
    TestCard("4000000000000341", "visa", ("chargeCustomerFail",), "generic_decline", declines_when_saved=False),
    TestCard(
        "4000002500003155",
        "visa",
        ("authenticationRequiredOnSetup",),
        "authentication_required",
        declines_when_saved=False,
    ),
    TestCard("4000002760003184", "visa", ("authenticationRequired",), "authentication_required", declines_when_saved=False),
)

BY_NUMBER = {card.number: card for card in CARDS}
BY_TOKEN = {prefix + token: card for card in CARDS for token in card.tokens for prefix in ("pm_card_", "tok_")}

BRAND_NAMES = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "amex": "American Express",
    "discover": "Discover",
    "diners": "Diners Club",
    "jcb": "JCB",
}


def is_well_formed(number: str) -> bool:
    """Say whether the digits could be a card number: length and check digit."""
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        return False
    doubled = "0246813579"
    total = 0
    for position, digit in enumerate(reversed(number)):
        total += int(doubled[int(digit)]) if position % 2 else int(digit)
    return total % 10 == 0


def is_past(*, month: int, year: int, today: tuple[int, int]) -> bool:
    """Say whether a card valid through month/year has ended; `today` is (year, month)."""
    return (year, month) < today


def card_object(card: TestCard, *, month: int, year: int, cvc_given: bool = True) -> Json:
    """Give the `card` part of a payment method."""
    return {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass" if cvc_given else None,
        },
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": "fp" + card.number[-4:] + card.brand,
        "funding": card.funding,
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
