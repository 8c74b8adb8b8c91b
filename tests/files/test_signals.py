"""What is cleaned up when a signal ends a process, at any moment."""

import os
import signal
import sys
import textwrap

import pytest
from programs import ended, started

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")


def test_a_signal_while_handlers_are_set_ends_the_process_by_it():
    code = """
        import os, signal
        from latentode.files.signals import cleaned_up

        install = signal.signal

        def early(number, handler):
            found = install(number, handler)
            if callable(handler):
                os.kill(os.getpid(), number)
            return found

        signal.signal = early
        with cleaned_up():
            print("went on")
    """
    with started(sys.executable, "-c", textwrap.dedent(code)) as process:
        output = ended(process)
    assert process.returncode == -signal.SIGTERM
    assert output == ("", "")


def test_a_second_signal_leaves_the_clean_up_alone():
    code = """
        import os, signal
        from latentode.files.signals import cleaned_up

        with cleaned_up():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                print("went on")
            finally:
                os.kill(os.getpid(), signal.SIGHUP)
                print("cleaned up", flush=True)
    """
    with started(sys.executable, "-c", textwrap.dedent(code)) as process:
        output = ended(process)
    assert process.returncode == -signal.SIGTERM
    assert output == ("cleaned up\n", "")
