"""What clients are told: written with the change, rendered from the practice's wording, sent by the clock."""
