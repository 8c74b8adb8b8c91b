"""From chunks of rows to arrays."""
