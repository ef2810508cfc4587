"""What form fields are called and may contain: shape, never truth."""
