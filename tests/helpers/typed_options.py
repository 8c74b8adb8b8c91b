"""Options of a message as a shell and the program read them."""

import re
import shlex

import click
from click.testing import CliRunner

from latentode.cli import options
from latentode.config import LatentODEConfig


def typed(text):
    """Settings of the data that a text such as ``--na a,b`` gives."""
    given = {}

    @click.command()
    @options.data_options
    def collect(**values):
        given.update(options.given_settings(values))

    result = CliRunner().invoke(collect, shlex.split(text))
    assert result.exit_code == 0, result.output
    return LatentODEConfig().updated(**given).data


def advised(message, flag, place=0):
    """The settings that an option gives, as a message writes it.

    Args:
        message: The message.
        flag: Name of the option.
        place: Which of its values in the message, from 0.
    """
    value = r"[= ](?:\"[^\"]*\"|'[^']*'|[^\s;()]+?)(?=[.,;:)?]*(?:\s|$))"
    return typed([each[0] for each in re.finditer(re.escape(flag) + value, message)][place])
