"""Adding someone new from inside a booking form; nothing that was typed is lost."""

from clinic.calendar.offer import Offer
from clinic.forms.calendar import BookingForm
from clinic.kernel.database import writing
from clinic.kernel.errors import RefusalError
from clinic.people import clients, finding
from clinic.views.access import actor, now


def added(form: BookingForm, found: Offer) -> bool:
    """Add the client whose name was typed, if that was pressed and nobody has the name, and choose them in the form."""
    name = form.person.data or ""
    if not form.add_client.data or found.is_event or found.person is not None or found.matches or not name:
        return False
    try:
        details = form.details(name, found.practitioner_id)
        with writing() as session:
            client = clients.add(session, actor(), details, now())
            form.who.data, form.searched.data = f"{finding.CLIENT}:{client.id}", name
    except RefusalError as error:
        if error.field == "is_new":
            error = RefusalError("An archived client has this name. Bring that client back, or tell the two apart by name.")
        form.refuse(error)
        return False
    return True
