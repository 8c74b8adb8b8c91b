"""Benchmarks: ``python -m benchmarks TASK``; one module a task, tables in RESULTS.md."""
