"""Requests drawn from the description of the server are answered as it describes."""

import pytest
from hypothesis import HealthCheck, given, settings

schemathesis = pytest.importorskip("schemathesis")
ADDRESSES = [
    ("POST", "/forecast"), ("POST", "/interpolate"), ("POST", "/score"), ("POST", "/events"),
    ("POST", "/inspect"), ("GET", "/info"), ("GET", "/health"), ("GET", "/metrics"),
]  # fmt: skip


# that a text is a log that can be read, no description says
UNKNOWN = ("positive_data_acceptance",)


def check(server, method, path, number):
    """Draw requests of one address, and look whether status, type and form are as described."""
    described = schemathesis.openapi.from_url(f"{server.address}openapi.json")

    excluded = schemathesis.checks.CHECKS.get_by_names(UNKNOWN)

    @settings(max_examples=number, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=described[path][method].as_strategy())
    def answered(case):
        case.call_and_validate(timeout=120, excluded_checks=excluded)

    answered()


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_a_few_requests_are_answered_as_described(server, method, path):
    check(server, method, path, 2)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_requests_are_answered_as_described(server, method, path):
    check(server, method, path, 100)
