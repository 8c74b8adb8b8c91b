"""From columns to arrays."""
