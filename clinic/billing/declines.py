"""Declines: what each code means for the nights to come, by the issuer's advice first, then by the code."""

from clinic.billing.processor import Verdict

# What an issuer's advice means (Stripe: declines, advice codes). It is asked before the code.
HARD_ADVICE = frozenset({"do_not_try_again", "confirm_card_data"})
SOFT_ADVICE = frozenset({"try_again_later"})
HARD_CODES = frozenset(
    {
        "lost_card", "stolen_card", "pickup_card", "expired_card", "incorrect_number", "incorrect_cvc", "invalid_account",
        "restricted_card", "fraudulent", "invalid_number", "invalid_cvc", "invalid_expiry_month", "invalid_expiry_year",
        "new_account_information_available", "revocation_of_all_authorizations", "revocation_of_authorization",
        "stop_payment_order", "merchant_blacklist", "card_not_supported", "currency_not_supported",
    }
)  # fmt: skip
AUTHENTICATION_CODES = frozenset({"authentication_required", "authentication_not_handled"})


def verdict_of(*, code: str, decline_code: str, advice_code: str) -> Verdict:
    """Return what a decline means for the nights to come: by the issuer's advice first, then by the code."""
    if {code, decline_code} & AUTHENTICATION_CODES:
        return Verdict.NEEDS_CLIENT
    if advice_code in HARD_ADVICE:
        return Verdict.HARD
    if advice_code in SOFT_ADVICE:
        return Verdict.SOFT
    return Verdict.HARD if {code, decline_code} & HARD_CODES else Verdict.SOFT
