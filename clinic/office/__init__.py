"""What looks across all areas: verification, reports, imports and exports."""
