"""Who gets into a client's portal: by a link that works once, as long as access lasts, and never by reading the outbox."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from clinic.calendar import booking
from clinic.jobs import send_messages
from clinic.kernel.database import writing
from clinic.kernel.errors import NotAllowedError, NotFoundError, RefusalError
from clinic.messages import delivery, outbox, sign_in_links, wording
from clinic.messages.smtp import mailer_from
from clinic.messages.wording import Wording
from clinic.models.messages import MessageKind, MessageState
from clinic.models.people import Contact, ContactKind, ContactRole
from clinic.models.portal import PortalAccess, PortalLink, PortalSession
from clinic.models.practice import AuditEntry
from clinic.office import verify
from clinic.people import clients, contacts, correspondence, portal_access, portal_visits
from tests.calendar.stage import at, therapy
from tests.cast import NOW
from tests.messages.mail_server import Postbox, mail_server
from tests.portal.doors import granted, last_message, link_to

MINUTE = timedelta(minutes=1)
CLEO = "cleo@clients.example"


def enter(session, token, now=NOW):
    return portal_visits.enter(session, token, now, address="192.0.2.7")


@pytest.fixture
def access(session, cast):
    return granted(session, cast, cast.cleo_id, "  Cleo@Clients.Example ", NOW)


def test_access_is_one_for_an_address_however_it_is_typed(session, cast, access):
    assert access.email == CLEO
    assert granted(session, cast, cast.cleo_id, CLEO.upper(), NOW).id == access.id
    assert [row.email for row in portal_access.of_client(session, cast.cleo_id)] == [CLEO]
    session.add(PortalAccess(client_id=cast.cleo_id, email=CLEO, granted_at=NOW))
    with pytest.raises(IntegrityError):
        session.flush()


def test_the_desk_grants_and_ends_access_the_biller_does_not_and_a_practitioner_only_to_own_clients(session, cast, access):
    with pytest.raises(NotAllowedError):
        portal_access.grant(session, cast.bill, cast.cleo_id, CLEO, NOW)
    with pytest.raises(NotAllowedError):
        portal_access.end(session, cast.bill, cast.cleo_id, access.id, NOW)
    stranger = clients.add(session, cast.olga, clients.Details("Ines", practitioner_id=cast.piet_id), NOW)
    with pytest.raises(NotFoundError):
        portal_access.grant(session, cast.pat, stranger.id, "ines@clients.example", NOW)
    with pytest.raises(NotFoundError):
        portal_access.end(session, cast.fay, cast.otto_id, access.id, NOW)  # another client's
    for number in range(portal_access.ADDRESSES_PER_CLIENT_MAX - 1):
        granted(session, cast, cast.cleo_id, f"{number}@x.example", NOW)
    with pytest.raises(RefusalError):
        granted(session, cast, cast.cleo_id, "more@x.example", NOW)


def test_a_link_opens_the_portal_once(session, cast, access):
    link = link_to(session, cast, access, NOW)
    token = enter(session, link)
    visit = portal_visits.visit(session, token, NOW)
    assert (visit.client_id, visit.email, visit.name, visit.has_others) == (cast.cleo_id, CLEO, "Cleo Abernathy", False)
    assert enter(session, link) is None
    assert enter(session, "nonsense") is None
    assert portal_access.of_client(session, cast.cleo_id)[0].signed_in_at == NOW
    kept = session.scalars(select(PortalSession)).one()
    assert token not in (kept.token_hash, str(vars(kept)))
    assert link not in str(vars(session.scalars(select(PortalLink)).one()))


def test_a_link_is_good_for_twenty_minutes_from_when_it_was_asked_for(session, cast, access):
    links = [link_to(session, cast, access, NOW) for _ in range(2)]
    assert sign_in_links.is_good(session, links[0], NOW + 19 * MINUTE)
    assert enter(session, links[0], NOW + 20 * MINUTE) is None
    assert enter(session, links[1], NOW + 19 * MINUTE) is not None


def test_all_links_of_one_message_are_used_up_together(session, cast, access):
    message = portal_access.send_link(session, cast.fay, cast.cleo_id, access.id, NOW)
    first, second = (sign_in_links.mint(session, message, NOW) for _ in range(2))  # a try that failed may have arrived
    assert enter(session, second) is not None
    assert enter(session, first) is None
    assert outbox.outdated(session, message, NOW) == sign_in_links.USED
    with pytest.raises(RefusalError):
        sign_in_links.mint(session, message, NOW)


def test_a_session_ends_when_idle_when_old_when_signed_out_and_is_tidied_away(session, cast, access):
    tokens = [enter(session, link_to(session, cast, access, NOW)) for _ in range(3)]
    assert portal_visits.visit(session, tokens[0], NOW + portal_visits.IDLE + MINUTE) is None
    for hour in range(1, 13):
        portal_visits.touch(session, portal_visits.visit(session, tokens[1], NOW + hour * timedelta(hours=1)).session_id,
                            NOW + hour * timedelta(hours=1))  # fmt: skip
    assert portal_visits.visit(session, tokens[1], NOW + portal_visits.LIFE + MINUTE) is None
    portal_visits.sign_out(session, portal_visits.visit(session, tokens[2], NOW), NOW, address="")
    assert portal_visits.visit(session, tokens[2], NOW) is None
    assert portal_visits.tidy(session, NOW + timedelta(days=3)) == 6
    assert portal_visits.tidy(session, NOW + timedelta(days=3)) == 0
    assert session.scalars(select(PortalAccess)).one().ended_at is None


def test_ending_access_puts_whoever_is_in_out_at_once_and_kills_links_on_their_way(session, cast, access):
    link = link_to(session, cast, access, NOW)
    token = enter(session, link_to(session, cast, access, NOW))
    waiting = portal_access.send_link(session, cast.fay, cast.cleo_id, access.id, NOW)
    portal_access.end(session, cast.fay, cast.cleo_id, access.id, NOW)
    assert portal_visits.visit(session, token, NOW) is None
    assert enter(session, link) is None
    assert delivery.claim(session, waiting.id, NOW) is None
    assert (waiting.state, waiting.last_error) == (MessageState.DROPPED, sign_in_links.ENDED)
    with pytest.raises(NotFoundError):
        portal_access.send_link(session, cast.fay, cast.cleo_id, access.id, NOW)
    again = granted(session, cast, cast.cleo_id, CLEO, NOW)
    assert again.id != access.id
    assert portal_visits.visit(session, token, NOW) is None, "an old session does not come back to life"


def test_an_address_with_several_clients_chooses_and_may_switch_but_never_to_anyone_elses(session, cast, access):
    both = granted(session, cast, cast.otto_id, CLEO, NOW)
    foreign = granted(session, cast, cast.otto_id, "otto@clients.example", NOW)
    token = enter(session, link_to(session, cast, access, NOW))
    visit = portal_visits.visit(session, token, NOW)
    assert (visit.client_id, visit.has_others) == (None, True)
    assert [choice.name for choice in portal_visits.choices(session, visit)] == ["Cleo Abernathy", "Otto Brandt"]
    with pytest.raises(NotFoundError):
        portal_visits.choose(session, visit, foreign.id, NOW, address="")
    portal_visits.choose(session, visit, both.id, NOW, address="")
    visit = portal_visits.visit(session, token, NOW)
    assert visit.client_id == cast.otto_id
    portal_visits.choose(session, visit, access.id, NOW, address="")
    portal_access.end(session, cast.fay, cast.otto_id, both.id, NOW)
    visit = portal_visits.visit(session, token, NOW)
    assert (visit.client_id, visit.has_others) == (cast.cleo_id, False), "another client's access is another matter"
    with pytest.raises(NotFoundError):
        portal_visits.choose(session, visit, both.id, NOW, address="")


def test_asking_sends_to_the_address_as_granted_and_says_nothing_of_others(session, cast, access):
    portal_access.ask(session, cast.fay, "ghost@clients.example", NOW)
    assert last_message(session) is None
    portal_access.ask(session, cast.fay, " CLEO@clients.example", NOW, there="?next=/portal/invoices")
    message = last_message(session)
    assert (message.to_address, message.client_id, message.next_try_at) == (CLEO, cast.cleo_id, NOW)
    assert "{address}/portal/link/{secret}?next=/portal/invoices" in message.body


def test_the_link_is_made_when_the_mail_leaves_and_the_outbox_never_holds_it(app, cast, write, rows):
    with write() as session:
        access = granted(session, cast, cast.cleo_id, CLEO, NOW)
        message_id = portal_access.send_link(session, cast.fay, cast.cleo_id, access.id, NOW).id
        booking.book(session, cast.fay, therapy(cast, at(10, days=2)), NOW - timedelta(minutes=5))  # may wait
    postbox = Postbox()
    with mail_server(postbox) as port, app.app_context():
        mailer = mailer_from(f"smtp://127.0.0.1:{port}", "https://here.example")
        assert send_messages.run_links(mailer, lambda: NOW).done == 1
        assert send_messages.run_links(mailer, lambda: NOW).done == 0
    (mail,) = postbox.mails
    body = mail.get_content()
    token = body.split("https://here.example/portal/link/")[1].split()[0]
    assert len(token) > 40
    with rows() as session:
        shown = correspondence.letter(session, cast.fay, message_id)
        assert (shown.may_resend, shown.is_link) == (False, True)
        assert sign_in_links.MASK in shown.body
        assert token not in shown.body + last_message(session).body
    with write() as session:
        with pytest.raises(RefusalError):
            correspondence.resend(session, cast.fay, message_id, NOW)
        assert enter(session, token) is not None


def test_of_two_who_press_the_button_at_once_one_gets_in(app, cast, write):
    with write() as session:
        link = link_to(session, cast, granted(session, cast, cast.cleo_id, CLEO, NOW), NOW)
    both, came = threading.Barrier(2), []

    def press():
        with app.app_context():
            both.wait()
            with writing() as session:
                came.append(enter(session, link))

    presses = [threading.Thread(target=press) for _ in range(2)]
    for each in presses:
        each.start()
    for each in presses:
        each.join()
    assert [token is None for token in sorted(came, key=lambda token: token is None)] == [False, True]


def test_a_message_that_could_not_go_in_time_is_not_sent_at_all(session, cast, access):
    message = portal_access.send_link(session, cast.fay, cast.cleo_id, access.id, NOW)
    assert delivery.claim(session, message.id, NOW + 20 * MINUTE) is None
    assert (message.state, message.last_error) == (MessageState.DROPPED, sign_in_links.LATE)


def test_the_wording_of_the_link_is_the_practices_own_but_keeps_the_link(session, cast, access):
    with pytest.raises(RefusalError, match="nobody can sign in"):
        wording.change(session, cast.olga, Wording(MessageKind.SIGN_IN, "Hello", "Come in!"), NOW)
    wording.change(session, cast.olga, Wording(MessageKind.SIGN_IN, "Come in", "Here: {link}"), NOW)
    assert portal_access.send_link(session, cast.fay, cast.cleo_id, access.id, NOW).body.startswith("Here: {address}/portal/")
    wording.change(session, cast.olga, Wording(MessageKind.SIGN_IN, "Come in", "Here: {link}", is_on=False), NOW)
    with pytest.raises(RefusalError, match="switched off"):
        portal_access.send_link(session, cast.fay, cast.cleo_id, access.id, NOW)


def test_the_trail_says_that_it_was_the_client_and_which(session, cast, access):
    enter(session, link_to(session, cast, access, NOW))
    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.action, entry.user_id, entry.roles, entry.address) == ("signed in to portal", None, "client", "192.0.2.7")
    assert entry.detail == {"access_id": access.id, "by_client": cast.cleo_id}
    assert CLEO not in str([(row.action, row.detail) for row in session.scalars(select(AuditEntry))])
    assert list(verify.findings(session)) == []


def test_a_session_left_open_where_access_ended_is_named_by_verify(session, cast, access):
    enter(session, link_to(session, cast, access, NOW))
    access.ended_at = NOW
    session.flush()
    assert [words for words in verify.findings(session) if "Portal session" in words] != []


def test_an_address_sees_the_clients_own_bills_and_those_of_the_very_person_behind_it_never_an_organisations(session, cast):
    def linked(name, kind, email, role=ContactRole.GUARDIAN):
        made = contacts.add(session, cast.fay, contacts.Details(name, kind, email), NOW)
        contacts.link(session, cast.fay, cast.cleo_id, made.id, role, "", NOW)
        return made.id

    gale = linked("Gale Guardian", ContactKind.PERSON, "Gale@x.example")
    linked("Pat Partner", ContactKind.PERSON, "pat@x.example", ContactRole.PARTNER)
    linked("Gale’s employer", ContactKind.ORGANISATION, "gale@x.example", ContactRole.EMPLOYER)
    linked("No address", ContactKind.PERSON, "")
    session.add(Contact(name="Gale again", email="gale@x.example", created_at=NOW))  # linked to nobody

    def seen(email):
        return [payer.contact_id for payer in portal_access.payers(session, cast.cleo_id, email)]

    assert seen(CLEO) == [cast.cleo_payer_id]
    assert seen("gale@x.example") == [cast.cleo_payer_id, gale]
    assert seen("claims@pellworth.example") == [cast.cleo_payer_id]
    contacts.set_default_payer(session, cast.fay, cast.cleo_id, cast.pellworth_id, NOW)
    assert seen("claims@pellworth.example") == [cast.cleo_payer_id]
    contacts.set_default_payer(session, cast.fay, cast.cleo_id, gale, NOW)
    assert seen("gale@x.example") == [cast.cleo_payer_id, gale]
    assert seen("") == [cast.cleo_payer_id]
    assert portal_access.payers(session, 999_999, CLEO) == []
