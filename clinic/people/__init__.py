"""Clients, contacts, groups, and the staff who sign in."""
