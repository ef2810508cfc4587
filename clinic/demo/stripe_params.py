"""Read the form encoding of the API and refuse what an endpoint does not know, as strictly as Stripe."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from clinic.demo.stripe_errors import ApiError, Json, invalid, missing_parameter, unknown_parameter

# A parameter's shape: one of the words below, a mapping of nested names, or a list holding the shape of its items.
# A leading "!" says that the parameter must be there; "=a|b" lists the values it may have.
Shape = str | list[Any] | dict[str, Any]

METADATA_KEYS_MAX = 50
METADATA_KEY_LENGTH_MAX = 40
METADATA_VALUE_LENGTH_MAX = 500
TEXT_LENGTH_MAX = 5000
DEPTH_MAX = 8
FIELDS_MAX = 1000
AMOUNT_MAX_CENTS = 99_999_999

_WORD = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#]+\S*")
CURRENCIES = frozenset({"usd", "cad", "eur", "gbp", "aud", "nzd", "chf", "sek", "nok", "dkk", "mxn", "sgd", "hkd"})

TIME_RANGE: Shape = {"gt": "integer", "gte": "integer", "lt": "integer", "lte": "integer"}
PAGE: dict[str, Shape] = {
    "limit": "integer",
    "starting_after": "text",
    "ending_before": "text",
    "expand": ["text"],
}


def decode(encoded: str) -> Json:
    """Turn `a[b]=1&c[0]=2` into nested dictionaries and lists of strings."""
    tree: Json = {}
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError as wrong:
        raise invalid("Too many parameters.") from wrong
    for name, value in pairs:
        matched = _WORD.fullmatch(name)
        if matched is None:
            raise unknown_parameter(name)
        steps = [matched[1], *re.findall(r"\[([^\[\]]*)\]", matched[2])]
        if len(steps) > DEPTH_MAX:
            raise unknown_parameter(name)
        _plant(tree, steps, value, name)
    return {name: _lists(value) for name, value in tree.items()}


def _plant(tree: Json, steps: list[str], value: str, name: str) -> None:
    place = tree
    for step in steps[:-1]:
        branch = place.setdefault(step or str(len(place)), {})
        if not isinstance(branch, dict):
            raise invalid(f"Invalid parameter: {name}", param=name)
        place = branch
    last = steps[-1] or str(len(place))
    if isinstance(place.get(last), dict):
        raise invalid(f"Invalid parameter: {name}", param=name)
    place[last] = value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(re.fullmatch("[0-9]{1,6}", key) for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(item) for key, item in value.items()}


def check(params: Mapping[str, Any], shapes: Mapping[str, Shape], *, inside: str = "") -> Json:
    """Return the parameters with their types, or refuse the first that is unknown, missing or malformed."""
    for name in params:
        if name not in shapes:
            raise unknown_parameter(_full(name, inside))
    typed: Json = {}
    for name, shape in shapes.items():
        required = isinstance(shape, str) and shape.startswith("!")
        if name not in params or (required and params[name] == ""):
            if required:
                raise missing_parameter(_full(name, inside))
            continue
        typed[name] = _typed(params[name], shape, _full(name, inside))
    return typed


def _full(name: str, inside: str) -> str:
    return f"{inside}[{name}]" if inside else name


def _typed(value: Any, shape: Shape, name: str) -> Any:
    if isinstance(shape, dict):
        if value == "":
            return {}
        if not isinstance(value, dict):
            raise invalid(f"Invalid object: {name}", param=name)
        return check(value, shape, inside=name)
    if isinstance(shape, list):
        if value == "":
            return []
        if not isinstance(value, list):
            raise invalid(f"Invalid array: {name}", param=name)
        return [_typed(item, shape[0], f"{name}[{position}]") for position, item in enumerate(value)]
    kind = shape.removeprefix("!")
    if kind == "metadata":
        return _metadata(value, name)
    if kind == "created" and isinstance(value, dict):
        return check(value, {"gt": "integer", "gte": "integer", "lt": "integer", "lte": "integer"}, inside=name)
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {name}", param=name)
    return _scalar(value, kind, name)


def _scalar(value: str, kind: str, name: str) -> Any:
    if kind in ("integer", "created"):
        if not re.fullmatch(r"-?[0-9]{1,15}", value):
            raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
        return int(value)
    if kind == "boolean":
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", param=name)
        return value == "true"
    if kind == "amount":
        return _amount(value, name)
    if kind == "currency":
        if value.lower() not in CURRENCIES:
            raise invalid(f"Invalid currency: {value}.", param=name)
        return value.lower()
    _refuse_text(value, kind, name)
    return value


def _refuse_text(value: str, kind: str, name: str) -> None:
    if kind == "email" and value and not _EMAIL.fullmatch(value):
        raise invalid(f"Invalid email address: {value}", param=name, code="email_invalid")
    if kind == "url" and not _WEB_ADDRESS.fullmatch(value):
        raise invalid("Not a valid URL", param=name, code="url_invalid")
    if kind.startswith("=") and value not in kind[1:].split("|"):
        raise invalid(f"Invalid {name}: must be one of {kind[1:].replace('|', ', ')}", param=name)
    if len(value) > TEXT_LENGTH_MAX:
        raise invalid(f"Invalid string: {name} is too long", param=name, code="parameter_invalid_string")


def _amount(value: str, name: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,15}", value):
        raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
    cents = int(value)
    if cents < 1:
        raise invalid("This value must be greater than or equal to 1.", param=name, code="parameter_invalid_integer")
    if cents > AMOUNT_MAX_CENTS:
        raise invalid(f"Amount must be no more than {AMOUNT_MAX_CENTS}", param=name, code="amount_too_large")
    return cents


def _metadata(value: Any, name: str) -> dict[str, str]:
    if value == "":
        return {}
    if isinstance(value, list):
        value = {str(position): item for position, item in enumerate(value)}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise invalid("Metadata values must be strings", param=name)
    if len(value) > METADATA_KEYS_MAX:
        raise invalid(f"Metadata can have at most {METADATA_KEYS_MAX} keys", param=name)
    for key, item in value.items():
        if len(key) > METADATA_KEY_LENGTH_MAX or len(item) > METADATA_VALUE_LENGTH_MAX:
            raise invalid(f"Metadata is too long at {key}", param=f"{name}[{key}]")
    return dict(value)


def refuse_small(cents: int, currency: str, param: str) -> None:
    """Refuse an amount below the smallest that can be charged."""
    if cents < 50:
        raise ApiError(
            400,
            "invalid_request_error",
            f"Amount must be at least 50 cents in {currency}.",
            code="amount_too_small",
            param=param,
        )
