"""Types, hours, the grid, availability, booking and package lines."""
