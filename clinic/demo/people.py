"""The people of the made-up practice: names, who sees whom, who pays for whom. All of it invented."""

from dataclasses import dataclass

from clinic.models.people import ContactRole, GroupKind
from clinic.models.practice import Role

# First and last names, 20 for each of the three practitioners, in the order of the staff below.
CLIENTS = (
    ("Juniper", "Aldous"), ("Caspian", "Thornbury"), ("Odalys", "Brandt"), ("Teodor", "Mbanefo"), ("Lark", "Osei-Dunmore"),
    ("Ilse", "Marchbanks"), ("Petra", "Vaszary"), ("Emeka", "Solberg"), ("Wren", "Castellane"), ("Noor", "Halvorsen"),
    ("Isolde", "Kattegat"), ("Wilhelmina", "Katsaros-Featherstonhaugh"), ("Zadie", "Lindqvist"), ("Anselm", "Achterberg"),
    ("Marisol", "Eikeland"), ("Bertil", "Amankwah"), ("Sunniva", "Pell"), ("Żaneta", "Wróblewska"), ("Ірина", "Коваленко"),
    ("Tobias", "Quist"),
    ("Orla", "Pettibone"), ("Dag", "Wetherell"), ("Cleo", "Abernethy-Sow"), ("Rufus", "Ekström"), ("Maud", "Tregellas"),
    ("Kit", "Oyelowo-Brandt"), ("Hester", "Vanterpool"), ("Bram", "Achebe-Lund"), ("Ottoline", "Farrow"),
    ("Jasper", "Nakagawa"),
    ("Philippa", "Nakagawa-Hale"), ("Gwendolyn", "Ashdown"), ("Mateo", "Ferreira"), ("Ines", "Lindgren-Moss"),
    ("Silas", "Okonjo-Reyes"), ("Agnes", "Thistlewood"), ("Corin", "Adeyemi-Frost"), ("Tove", "Marchetti"),
    ("Δήμητρα", "Παππά"), ("Basil", "Underwood"),
    ("Romy", "Ferrante"), ("Ewan", "Lowe"), ("Freya", "Holloway"), ("Idris", "Caine"), ("Lucía", "Santamaría"),
    ("Percival", "Drake"), ("Saoirse", "Brennan"), ("Viggo", "Sandoval"), ("Amara", "Nwosu"), ("Leif", "Torvald"),
    ("Beatrix", "Kingsley"), ("Hugo", "Marlowe"), ("Nadia", "Rahimi"), ("Otis", "Penhaligon"), ("Clementine", "Ray"),
    ("Soren", "Whitfield"), ("Imani", "Clarke"), ("דוד", "לוי"), ("Fenella", "Stroud"), ("Magnus", "Ives"),
)  # fmt: skip
PER_PRACTITIONER = 20


@dataclass(frozen=True)
class Staff:
    """Be a practitioner: when and where they work, what they mostly give and at which times."""

    name: str
    profession: str
    credentials: str
    licence: str
    npi: str
    colour: int
    location: str
    weekdays: tuple[int, ...]
    hours: tuple[int, int]
    starts: tuple[str, ...]
    type_name: str


STAFF = (
    Staff("Tamsin Oyelaran", "Psychologist", "PhD", "PS-00417", "1234567893", 1, "Harbour Street", (0, 1, 2, 3, 4), (9, 17),
          ("09:00", "10:00", "11:00", "13:00", "14:00", "15:00", "16:00"), "Therapy 50"),
    Staff("Piet Vandermolen", "Physiotherapist", "DPT", "PT-20931", "1245319599", 6, "Harbour Street", (0, 1, 2, 3, 5), (8, 16),
          ("08:00", "08:45", "09:30", "10:30", "11:15", "13:00", "13:45", "14:30"), "Physio 45"),
    Staff("Olive Hartmann", "Family therapist", "LMFT", "MF-07755", "1356728910", 3, "Mill Lane", (2, 3, 4, 5, 6), (10, 18),
          ("10:00", "11:00", "12:00", "14:00", "15:00", "16:00", "17:00"), "Therapy 50"),
)  # fmt: skip

# Name, e-mail and role of those who sign in; the owner gives sessions too.
OWNER = ("Olive Hartmann", "owner@demo.example")
ACCOUNTS = (
    ("Tamsin Oyelaran", "practitioner@demo.example", Role.PRACTITIONER),
    ("Franka Desai", "frontdesk@demo.example", Role.FRONT_DESK),
    ("Bill Ekwueme", "biller@demo.example", Role.BILLER),
)
PASSWORD = "clinic-demo-2026"  # noqa: S105 - a demo is open to whoever starts it

# Name, role, reference, and the index of the clients they pay or send.
ORGANISATIONS = (
    ("Pellworth Occupational Health and Return-to-Work Services", ContactRole.REFERRER, "Claim PW-55810", (11, 15, 3)),
    ("Northgate Mutual", ContactRole.INSURER, "Policy NM-2201", (20, 24, 28)),
    ("Brightwater School", ContactRole.REFERRER, "Pupil support 4/26", (42, 46)),
)
# Name, kind, members; the first pays.
GROUPS = (
    ("Ferrante and Lowe", GroupKind.COUPLE, (40, 41)),
    ("The Nakagawa family", GroupKind.FAMILY, (29, 30)),
    ("Steady Ground", GroupKind.THERAPY, (43, 44, 45, 47, 48, 49, 50, 51)),
)
# AutoPay: the client's index and the processor's test card.
AUTOPAY = (
    (0, "pm_card_visa"), (4, "pm_card_mastercard"), (21, "pm_card_visa"), (25, "pm_card_amex"), (52, "pm_card_visa"),
    (7, "pm_card_visa_chargeDeclinedInsufficientFunds"), (23, "pm_card_visa_chargeDeclinedLostCard"),
)  # fmt: skip
CARD_ONLY = ((9, "pm_card_visa"), (14, "pm_card_mastercard"), (16, "pm_card_visa"))
# Who may open whose portal: a client's index, and the index of the client whose address it is.
PORTAL = ((16, 16), (29, 29), (30, 29))

# What some clients are treated for: client, code, words, and how many days before the first session it was known.
DIAGNOSES = (
    (0, "F41.1", "Generalized anxiety disorder", 30), (0, "F51.01", "Primary insomnia", 5),
    (2, "F33.1", "Major depressive disorder, recurrent, moderate", 60),
    (5, "F43.23", "Adjustment disorder with mixed anxiety and depressed mood", 14),
    (9, "F41.0", "Panic disorder", 90), (18, "F43.10", "Post-traumatic stress disorder, unspecified", 20),
    (20, "M54.50", "Low back pain, unspecified", 10), (22, "M25.511", "Pain in right shoulder", 12),
    (22, "M75.41", "Impingement syndrome of right shoulder", 3), (38, "M25.562", "Pain in left knee", 7),
)  # fmt: skip
