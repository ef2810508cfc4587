"""One more question before a deed that is not undone with the same click."""

from collections.abc import Callable
from typing import Any

from flask import request

from clinic.forms.base import HouseForm
from clinic.kernel.database import writing
from clinic.kernel.errors import RefusalError
from clinic.views.answer import Answer, page, say


def confirmed(
    do: Callable[[Any], None], *, title: str, words: str, deed: str, back: str, then: str, is_danger: bool = True
) -> Answer:
    """Ask on GET; on POST do it and leave, or show why it was refused.

    Args:
        do: the area's verb, given an open writing door.
        title: the question; `words` says what follows from it, `deed` is the button.
        back: where "Keep it" leads; `then` where one goes when it is done.
        is_danger: whether the button is red.
    """
    form = HouseForm(request.form)
    if request.method == "POST":
        try:
            with writing() as session:
                do(session)
            say("Done: " + deed[0].lower() + deed[1:] + ".")
        except RefusalError as error:
            error.field = None
            form.refuse(error)
    return page(
        "settings/confirm.html", form=form, then=then, title=title, words=words, deed=deed, back=back, is_danger=is_danger
    )
