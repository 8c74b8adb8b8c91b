"""Layered networks at given times, traced and differentiated by hand."""
