"""What stands in a cell: numbers, time stamps, zones."""
