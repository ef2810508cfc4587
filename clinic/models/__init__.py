"""What may be stored: tables, columns and constraints, without verbs."""

from clinic.models import billing, calendar, messages, money, online, people, portal, practice

__all__ = ["billing", "calendar", "messages", "money", "online", "people", "portal", "practice"]
