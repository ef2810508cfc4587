"""The tests: named as sentences about the practice."""
