"""The people every test knows: Olga owns, Pat treats, Fay runs the desk, Bill bills, Cleo and Otto are clients."""

from dataclasses import dataclass
from datetime import UTC, datetime

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from clinic.models.billing import Fee, InvoiceKind, NumberSeries
from clinic.models.calendar import AppointmentType, ItemKind, WorkingHours
from clinic.models.people import (
    Client,
    ClientContact,
    ClientGroup,
    Contact,
    ContactKind,
    ContactRole,
    GroupKind,
    GroupMember,
)
from clinic.models.practice import Location, Practice, Practitioner, Role, Room, User, UserRole
from clinic.practice.permissions import Actor

PASSWORD = "a long enough password"
# Cheap on purpose: the parameters travel with the hash, so sign-in itself stays the real one.
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
MADE_AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
NOW = datetime(2026, 11, 18, 16, 42, tzinfo=UTC)  # Wednesday, 11:42 in New York
OFFICE_HOURS = (9 * 60, 17 * 60)


@dataclass(frozen=True)
class Cast:
    """Hold the ids of everyone and everything a test may name, and the four actors."""

    olga: Actor
    pat: Actor
    fay: Actor
    bill: Actor
    pat_id: int
    piet_id: int
    harbour_id: int
    mill_id: int
    larch_id: int
    rowan_id: int
    cleo_id: int
    otto_id: int
    cleo_payer_id: int
    otto_payer_id: int
    pellworth_id: int
    couple_id: int
    therapy_fee_id: int
    intake_fee_id: int
    workbook_fee_id: int
    therapy_id: int
    intake_id: int
    case_review_id: int
    call_id: int


def make(session: Session) -> Cast:
    """Put the cast on an empty stage. Must run inside `writing()`."""
    session.add(
        Practice(
            id=1, name="Quillmere", timezone="America/New_York", currency="USD", locale="en-US", created_at=MADE_AT,
            address="Harbour Street 9\nMillhaven 04555", email="hello@quillmere.example", tax_id="00-0000000",
        )
    )  # fmt: skip
    session.add_all([NumberSeries(kind=kind, prefix=prefix, next_number=1) for kind, prefix in
                     ((InvoiceKind.INVOICE, "INV-"), (InvoiceKind.CREDIT_NOTE, "CN-"))])  # fmt: skip
    harbour, mill = Location(name="Harbour Street"), Location(name="Mill Lane")
    session.add_all([harbour, mill])
    session.flush()
    larch, rowan = (Room(location_id=harbour.id, name=name) for name in ("Larch", "Rowan"))
    pat = Practitioner(name="Pat Oyelaran", profession="Psychologist", credentials="PhD", licence="PS-00417", npi="1234567893",
                       colour=1, location_id=harbour.id)  # fmt: skip
    piet = Practitioner(name="Piet Vandermolen", profession="Physiotherapist", colour=6, location_id=harbour.id)
    session.add_all([larch, rowan, pat, piet])
    session.flush()
    starts, ends = OFFICE_HOURS
    for practitioner in (pat, piet):
        session.add_all(
            WorkingHours(practitioner_id=practitioner.id, location_id=harbour.id, weekday=weekday, starts_minute=starts,
                         ends_minute=ends)
            for weekday in range(5)
        )  # fmt: skip
    cleo, otto = _client(session, "Cleo", "Abernathy", pat.id), _client(session, "Otto", "Brandt", pat.id)
    pellworth = Contact(kind=ContactKind.ORGANISATION, name="Pellworth Occupational Health", created_at=MADE_AT,
                        email="claims@pellworth.example", address="200 Foundry Quay\nMillhaven 04555")  # fmt: skip
    session.add(pellworth)
    session.flush()
    session.add(ClientContact(client_id=cleo.id, contact_id=pellworth.id, role=ContactRole.REFERRER, reference="PW-55810"))
    couple = ClientGroup(name="Abernathy and Brandt", kind=GroupKind.COUPLE, billing_client_id=cleo.id, created_at=MADE_AT)
    session.add(couple)
    session.flush()
    session.add_all(GroupMember(group_id=couple.id, client_id=client.id) for client in (cleo, otto))
    therapy_fee = Fee(code="90834", description="Therapy, 50 minutes", amount_cents=15_000, minutes=50)
    intake_fee = Fee(code="90791", description="Intake", amount_cents=18_000, minutes=50)
    workbook_fee = Fee(code="WB", description="Workbook", amount_cents=2_500, tax_bp=825)
    session.add_all([therapy_fee, intake_fee, workbook_fee])
    session.flush()
    appointment = {"kind": ItemKind.APPOINTMENT, "modes": "in_person,phone,video"}
    therapy = AppointmentType(name="Therapy 50", colour=1, duration_minutes=50, fee_id=therapy_fee.id, is_rate_flexible=True,
                              **appointment)  # fmt: skip
    intake = AppointmentType(name="Intake 50", colour=4, duration_minutes=50, is_duration_flexible=True, fee_id=intake_fee.id,
                             **appointment)  # fmt: skip
    case_review = AppointmentType(name="Case review", kind=ItemKind.ACTIVITY, colour=5, duration_minutes=40, rate_cents=12_000)
    call = AppointmentType(name="Call school", kind=ItemKind.ACTIVITY, colour=5, duration_minutes=20, rate_cents=9_000,
                           is_hourly=True, is_duration_flexible=True, is_rate_flexible=True)  # fmt: skip
    session.add_all([therapy, intake, case_review, call])
    session.flush()
    olga, pat_user, fay, bill = (
        _user(session, name, role, practitioner_id)
        for name, role, practitioner_id in (
            ("Olga Owner", Role.OWNER, None),
            ("Pat Oyelaran", Role.PRACTITIONER, pat.id),
            ("Fay Desk", Role.FRONT_DESK, None),
            ("Bill Biller", Role.BILLER, None),
        )
    )
    return Cast(
        olga=olga, pat=pat_user, fay=fay, bill=bill, pat_id=pat.id, piet_id=piet.id, harbour_id=harbour.id, mill_id=mill.id,
        larch_id=larch.id, rowan_id=rowan.id, cleo_id=cleo.id, otto_id=otto.id, cleo_payer_id=cleo.contact_id,
        otto_payer_id=otto.contact_id, pellworth_id=pellworth.id, couple_id=couple.id, therapy_fee_id=therapy_fee.id,
        intake_fee_id=intake_fee.id, workbook_fee_id=workbook_fee.id, therapy_id=therapy.id, intake_id=intake.id,
        case_review_id=case_review.id, call_id=call.id,
    )  # fmt: skip


def email(name: str) -> str:
    """Return the sign-in name of one of the staff: `email("olga")`."""
    return f"{name.split()[0].lower()}@quillmere.example"


def _client(session: Session, first: str, last: str, practitioner_id: int) -> Client:
    contact = Contact(name=f"{first} {last}", email=f"{first.lower()}@clients.example", created_at=MADE_AT,
                      address="3 Saltbox Lane\nMillhaven 04555")  # fmt: skip
    session.add(contact)
    session.flush()
    client = Client(contact_id=contact.id, first_name=first, last_name=last, sort_name=f"{last} {first}".casefold(),
                    default_payer_id=contact.id, practitioner_id=practitioner_id, created_at=MADE_AT)  # fmt: skip
    session.add(client)
    session.flush()
    return client


def _user(session: Session, name: str, role: Role, practitioner_id: int | None) -> Actor:
    user = User(email=email(name), name=name, password_hash=PASSWORD_HASH, practitioner_id=practitioner_id, created_at=MADE_AT)
    session.add(user)
    session.flush()
    session.add(UserRole(user_id=user.id, role=role))
    return Actor(user_id=user.id, roles=frozenset({role}), practitioner_id=practitioner_id)
