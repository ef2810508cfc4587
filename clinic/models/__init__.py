"""What may be stored: tables, columns and constraints, without verbs."""

from clinic.models import billing, calendar, documents, messages, money, online, people, portal, practice

__all__ = ["billing", "calendar", "documents", "messages", "money", "online", "people", "portal", "practice"]
