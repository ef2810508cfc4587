"""Guessing passwords gets slow, and never stays shut."""

from datetime import timedelta

import pytest

from clinic.people import throttle
from tests.cast import NOW

SECOND = timedelta(seconds=1)


def test_an_account_slows_down_after_its_free_tries_and_the_wait_doubles_up_to_a_limit(session):
    guard, at, waits = throttle.account_guard("pat@quillmere.example"), NOW, []
    for _ in range(throttle.ACCOUNT_FREE_TRIES_MAX):
        throttle.claim(session, [guard], at)
    for _ in range(8):
        with pytest.raises(throttle.ThrottledError) as held:
            throttle.claim(session, [guard], at)
        waits.append(held.value.wait)
        at += held.value.wait
        throttle.claim(session, [guard], at)
    assert waits[:3] == [30 * SECOND, 60 * SECOND, 120 * SECOND]
    assert waits[-1] == throttle.BACK_OFF_MAX


def test_hammering_while_held_back_does_not_lengthen_the_wait(session):
    guard = throttle.account_guard("pat@quillmere.example")
    for _ in range(throttle.ACCOUNT_FREE_TRIES_MAX):
        throttle.claim(session, [guard], NOW)
    for _ in range(20):
        with pytest.raises(throttle.ThrottledError):
            throttle.claim(session, [guard], NOW)
    throttle.claim(session, [guard], NOW + throttle.BACK_OFF_FIRST)


def test_tries_are_forgotten_after_a_while(session):
    guard = throttle.account_guard("pat@quillmere.example")
    for _ in range(throttle.ACCOUNT_FREE_TRIES_MAX):
        throttle.claim(session, [guard], NOW)
    later = NOW + throttle.FORGOTTEN_AFTER + SECOND
    throttle.claim(session, [guard], later)
    throttle.claim(session, [guard], later)


def test_guessing_many_accounts_from_one_address_slows_the_address_down(session):
    for number in range(throttle.ADDRESS_FREE_TRIES_MAX):
        throttle.claim(session, throttle.guards(f"nobody{number}@quillmere.example", "203.0.113.9"), NOW)
    with pytest.raises(throttle.ThrottledError):
        throttle.claim(session, throttle.guards("another@quillmere.example", "203.0.113.9"), NOW)
    throttle.claim(session, throttle.guards("another@quillmere.example", "203.0.113.10"), NOW)


def test_one_subscriber_s_ipv6_addresses_count_as_one():
    first, second, other = (
        throttle.guards("a@b.example", f"2001:db8:0:{net}::{host}")[1] for net, host in ((1, 1), (1, 2), (2, 1))
    )
    assert first == second
    assert first != other


def test_a_right_password_clears_the_account_and_gives_the_address_its_try_back(session):
    account, address = throttle.guards("pat@quillmere.example", "203.0.113.9")
    for _ in range(throttle.ADDRESS_FREE_TRIES_MAX * 2):
        throttle.claim(session, [account, address], NOW)
        throttle.release(session, account)
        throttle.give_back(session, address)
