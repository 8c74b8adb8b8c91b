"""Subjects and competitors of the tasks on flows."""
