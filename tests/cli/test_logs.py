"""LOGS that are addresses of databases: what is kept of them, and what is shown."""

import json

from latentode.cli.runs.job import HeadFiles, Job
from latentode.cli.runs.logs import Logs
from latentode.cli.session import Session
from latentode.config import LatentODEConfig

URL = "postgresql://ann:s3cret@db.local/plant"
SHOWN = "postgresql://ann@db.local/plant"


def test_a_run_keeps_the_address_and_the_command_without_the_password():
    job = Job(Logs((URL,)), LatentODEConfig(), HeadFiles())
    facts = job.facts(Session(args=("train", URL, "--table", "log")))
    assert "s3cret" not in json.dumps(facts)
    assert facts["command"] == ["latentode", "train", SHOWN, "--table", "log"]
    assert facts["log"]["path"] == SHOWN
    assert job.stem == "plant"


def test_the_log_of_a_run_is_read_again_from_its_address():
    logs = Logs.recorded(Logs((URL,)).record())
    assert logs.parts == (SHOWN,)
    assert logs.gone() is None
    logs.check_unchanged(logs.record())


def test_an_address_is_shown_without_its_password_and_read_with_it():
    logs = Logs((URL,))
    assert str(logs) == SHOWN
    assert logs.source == URL
