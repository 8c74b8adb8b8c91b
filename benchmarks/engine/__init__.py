"""Workloads, competitors and parts of the tasks about the engine."""
