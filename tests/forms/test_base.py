"""The fields of the house: what cannot be read or is not offered is refused in a sentence that staff understand."""

import pytest
from werkzeug.datastructures import MultiDict
from wtforms import Field, RadioField, SelectField, SelectMultipleField

from clinic.forms.base import HouseForm, _TypedField, options
from clinic.forms.invoices import PaymentForm
from clinic.models.money import Method


class Asking(HouseForm):
    one = SelectField("One", coerce=int, choices=options([(1, "Yes"), (2, "No")]))
    way = RadioField("Way", coerce=Method, choices=options([(Method.CASH, "Cash")]))
    free = SelectField("Free", coerce=int, choices=[], validate_choice=False)
    many = SelectMultipleField("Many", coerce=int, choices=options([(1, "Yes"), (2, "No")]))
    own = SelectField("Own", coerce=int, choices=options([(1, "Yes")]), invalid_value_message="Choose who.")


@pytest.mark.parametrize("typed", ["x", "<b>", "99", ""])
def test_what_is_none_of_the_choices_is_refused_in_one_sentence(typed):
    posted = MultiDict([("one", typed), ("way", typed), ("free", "x"), ("many", "1"), ("many", typed), ("own", "x")])
    form = Asking(posted)
    assert not form.validate()
    refused = {name: ["Choose from the list."] for name in ("one", "way", "free", "many")}
    assert form.errors == refused | {"own": ["Choose who."]}


def test_a_crafted_way_to_pay_is_refused_like_any_other_choice():
    form = PaymentForm(MultiDict({"method": "gold", "amount": "1"}), methods=[])
    form.validate()
    assert form.method.errors == ["Choose from the list."]


def test_a_typed_field_says_how_it_is_read():
    class Unread(_TypedField[int]):
        pass

    class Bad(HouseForm):
        field: Field = Unread("Unread")

    with pytest.raises(TypeError, match="abstract"):
        Bad()
