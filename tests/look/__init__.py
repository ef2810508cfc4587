"""The living style guide: every part of the stylesheet in every state, with invented data."""
