"""Mutants: whether the tests notice that a line of the package is wrong.

`make mutants` changes one operator, number or condition at a time, in a copy of the tree, and runs
the tests that execute the changed line. A mutant that no test fails on survives: a test is missing,
or the change makes no difference. The mutations are those of cosmic-ray, and its file of results is
read by `cr-report` and `cr-html`, too.
"""
