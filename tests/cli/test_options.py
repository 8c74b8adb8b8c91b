"""Every option of every command is used or refused by its name, whatever it is given beside.

Options are taken from the commands themselves. Each is given to each way of calling its command, to
the real program with stand-ins for the models, and must show: in what the library is asked, in the
settings that the reader reads, in text or files; or be refused, with its name, once it was parsed.
"""

import itertools
import json
import re
import tomllib

import click
import pytest
from cli_cases import run
from option_cases import World, commands, leaves

from latentode.cli import settings
from latentode.cli.app import root
from latentode.cli.command import command
from latentode.cli.options import DATA_OPTIONS, TRAIN_OPTIONS
from latentode.cli.session import Outcome, Session
from latentode.config import LatentODEConfig
from latentode.errors import ConfigError

SETTING_OF = {flag: setting for flag, (setting, _) in (DATA_OPTIONS | TRAIN_OPTIONS).items()}
USUAL = settings.flat(LatentODEConfig().to_dict())

#: Ways of calling each command, each of which succeeds.
WAYS = {
    "inspect": ["log.csv", "log.csv --plot taken.png --overwrite", "taken-parts"],
    "train": [
        "log.csv",
        "log.csv --events events.csv --labels labels.csv --out new",
        "log.csv --dry-run",
        "--events events.csv",
        "--events events.csv --dry-run",
        "--resume stopped",
    ],
    "partition": ["log.csv taken-parts --overwrite"],
    "update": ["done log.csv"],
    "resume": ["stopped", "stopped log.csv", "stopped-events", "done"],
    "forecast": [
        "done",
        "done log.csv",
        "done log.csv --times times.csv -o taken.csv --overwrite",
        "done parts -o taken --overwrite",
    ],
    "interpolate": [
        "done log.csv",
        "done log.csv --times times.csv -o taken.csv --overwrite",
        "done parts -o taken --overwrite",
    ],
    "classify": ["done -o taken.csv --overwrite", "done log.csv --times times.csv"],
    "evaluate": [
        "done",
        "both log.csv --events events.csv -o -",
        "done --against times.csv",
        "done-events",
        "done-events events.csv -o -",
        "done-events events.csv -o taken.json --overwrite",
    ],
    "export": ["done taken.onnx --overwrite"],
    "density": [
        "done log.csv",
        "done --plot taken.png --overwrite",
        "done parts -o taken --overwrite",
    ],
    "events": ["done-events", "done-events events.csv", "both", "both log.csv --events events.csv"],
    "plot": [
        "done",
        "done log.csv -o taken.png --overwrite",
        "forecast.nc --overwrite",
        "dated.nc log.csv --overwrite",
        "latent.nc --overwrite",
    ],
    "report": ["done", "done log.csv -o taken.html --overwrite", "done-events", "stopped-early"],
    "serve": ["done", "done --host 0.0.0.0 --no-token", "done --host 0.0.0.0 --token-file token"],
    "info": ["done"],
    "doctor": [""],
    "completion": ["bash"],
    "data list": [""],
    "data make": ["oscillator", "oscillator -o taken.csv --overwrite"],
    "config init": ["", "taken.toml --overwrite"],
    "config show": [""],
    "config check": ["settings.toml"],
    "config schema": [""],
}

#: What an option is given, where its type alone does not say.
VALUES = {
    "--config": "settings.toml", "--set": "data.min_obs=3", "--resume": "stopped",
    "--events": "events.csv", "--windows": "windows.csv", "--labels": "labels.csv",
    "--times": "times.csv", "--against": "times.csv", "--plot": "picture.png",
    "--output": "file.csv",
    "--context": "4h", "--horizon": "2h", "--every": "1h", "--max-time": "7s", "--quantiles": "0.2",
    "--states": "Manual=0", "--device": "cuda", "--encoding": "latin-1", "--option": "num_series=2",
    "--aggregate": "sum by horizon", "--exceeds": "y>3", "--align": "origin", "--plan": "times.csv",
    "--start": "any", "--end": "any", "--lower": "y=0", "--upper": "y=9", "--kinds": "y=count",
    "--shard": "1/2",
    "--host": "::1", "--token-file": "token", "--max-body": "5MB", "--max-memory": "5MB",
    "--time-limit": "7s",
}  # fmt: skip
OF_COMMAND = {
    ("inspect", "--config"): "data.toml", ("inspect", "--set"): "data.min_obs=40",
    ("partition", "--config"): "data.toml", ("partition", "--set"): "data.min_obs=40",
    ("evaluate", "--output"): "file.json", ("plot", "--output"): "file.png",
    ("report", "--output"): "file.html",
    ("plot", "--from"): "2024-05-01", ("plot", "--to"): "2024-05-03",
}  # fmt: skip


def flag_of(option):
    return max(option.opts, key=len)


def value_of(option, words):
    """Words that give an option a value other than its default."""
    flag = flag_of(option)
    if option.is_flag:
        return [flag]
    kind = option.type
    usual = option.default or USUAL.get(SETTING_OF.get(flag))
    if (words[0], flag) in OF_COMMAND:
        value = OF_COMMAND[words[0], flag]
    elif flag in VALUES:
        value = VALUES[flag]
    elif isinstance(kind, click.Choice):
        value = next(choice for choice in kind.choices if choice != usual)
    else:
        value = {"share": "3%", "text": "y", "names": "y"}.get(kind.name, "3")
    return [flag, *[value] * option.nargs]


def is_refused(seen, name):
    """Whether what was called ended in a refusal with this name."""
    code, text = seen[0], f"{seen[1]}{seen[2]}"
    return code in (2, 4) and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


def fate_of(world, monkeypatch, words, option, plain):
    """ "used", "refused", or why it is neither."""
    flag, flags = flag_of(option), {*option.opts, *option.secondary_opts}
    setting = SETTING_OF.get("/".join([*option.opts, *option.secondary_opts]))
    if flags & set(words):  # does it show where it is left out?
        return "used" if world.call(without(option, words), monkeypatch)[1] != plain else "ignored"
    recorder, seen = world.call([*words, *value_of(option, words)], monkeypatch)
    if any(isinstance(error, click.BadParameter) for error in recorder.errors):
        return f"VALUES needs a value for it: {recorder.errors}"
    if is_refused(seen, flag) or is_refused(seen, flag.lstrip("-") + ":"):
        return "refused"
    if seen[0] in (2, 4):
        return "refused without its name"
    return "used" if seen != plain or setting in recorder.reads else "ignored"


def without(option, words):
    """The words but for an option and what it is given."""
    place = next(i for i, word in enumerate(words) if word in option.opts)
    return [*words[:place], *words[place + (1 if option.is_flag else 1 + option.nargs) :]]


def fates(world, monkeypatch, words, each):
    """Fate of every option of a command, which succeeds as the words stand."""
    _, plain = world.call(words, monkeypatch)
    assert plain[0] == 0, plain[:3]
    return {
        flag_of(option): fate_of(world, monkeypatch, words, option, plain)
        for option in each.params
        if isinstance(option, click.Option)
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("options") / "world"
    folder.mkdir()
    return World(folder)


ALL = dict(commands())
CALLS = [(words, way) for words in ALL for way in WAYS.get(" ".join(words), ())]


def test_every_command_is_called_in_some_way():
    assert {" ".join(words) for words in ALL} == WAYS.keys()


@pytest.mark.parametrize(("words", "way"), CALLS, ids=[f"{' '.join(w)} {way}" for w, way in CALLS])
def test_every_option_is_used_or_refused_by_name(world, monkeypatch, words, way):
    got = fates(world, monkeypatch, [*words, *way.split()], ALL[words])
    assert {flag: fate for flag, fate in got.items() if fate not in ("used", "refused")} == {}


@pytest.mark.parametrize("words", [["forecast", "done"], ["interpolate", "done", "log.csv"]])
def test_quantiles_are_refused_beside_a_file_of_draws(world, monkeypatch, words):
    recorder, seen = world.call([*words, "--quantiles", "0.2", "-o", "x.nc"], monkeypatch)
    assert is_refused(seen, "--quantiles")
    assert recorder.calls == []


@pytest.mark.parametrize("option", [each for each in root.params if each.expose_value])
def test_every_option_before_the_command_reaches_the_session(monkeypatch, option):
    def told(*words):
        seen = []
        with monkeypatch.context() as patch:
            patch.setattr(Session, "choose_format", lambda _, *a, **b: seen.append((a, b)))
            patch.setattr(Session, "apply_level", lambda self: seen.append(self.verbosity))
            assert run(*words, "config", "schema").exit_code == 0
        return seen

    assert told(*value_of(option, ["root"])) != told()


@command("planted")
@click.option("--used")
@click.option("--ignored")
@click.option("--half-used", is_flag=True)
@click.option("--refused")
@click.option("--refused-namelessly")
@click.option("--misread", type=click.IntRange(100))
def planted_command(session, used, ignored, half_used, refused, refused_namelessly, misread):
    """Options of every fate."""
    del session, ignored, misread
    if refused:
        raise click.UsageError("--refused has no place here.")
    if refused_namelessly:
        raise click.UsageError("this has no place here.")
    return Outcome(text=f"{used} {half_used}" if used else "nothing")


@pytest.mark.parametrize(("way", "half"), [((), "ignored"), (("--used", "a"), "used")])
def test_an_option_that_a_command_ignores_is_found(world, monkeypatch, way, half):
    table = {"planted": (f"{__name__}:planted_command", "")}
    monkeypatch.setattr(root, "_table", table)
    got = fates(world, monkeypatch, ["planted", *way], planted_command)
    assert got.pop("--misread").startswith("VALUES needs a value for it")
    assert got == {
        "--used": "used",
        "--ignored": "ignored",
        "--half-used": half,
        "--refused": "refused",
        "--refused-namelessly": "refused without its name",
        "--json": "used",
    }


#: As `fit_events` has them, but for a clock on which three seconds pass each time it is read.
HURRIED = {"run_dir": None, "resume": False, "on_plan": None, "clock": None}
TIMES = (0.0, 1.5, 2.0, 4.5, 5.0, 7.0)
ALONE = ["train", "--events", "events.csv"]
# a head of labels has a name only once a program has registered it
SETTINGS = [name for _, name in leaves() if name != "model.label_head"]
# settings that others have to go with
TOGETHER = {
    "model.refine": ["model.memory=false", "model.knots=0", "model.refine=3"],
    "data.time.start": ["data.time.start=any"],
    "data.time.end": ["data.time.end=any"],
    "data.cells.states": ["data.cells.states=Auto=1"],
    "channels.lower": ["channels.lower=y=0"],
    "channels.upper": ["channels.upper=y=9"],
    "channels.kinds": ["channels.kinds=y=count"],
}
CANDIDATES = ("3", "2024", "0.25", "true", "false", "2h", "iso", "cuda", "x")


def assigned(name):
    """Assignments that give a setting another value than the usual one."""
    if name in TOGETHER:
        return TOGETHER[name]
    for value in (*CANDIDATES, *settings.choices(name)):
        try:
            config = settings.resolve(environment={}, assignments=[f"{name}={value}"])
        except ConfigError:
            continue
        if settings.flat(config.to_dict())[name] != USUAL[name]:
            return [f"{name}={value}"]
    raise AssertionError(f"{name}: CANDIDATES needs a value for it")


@pytest.fixture(scope="module")
def of_events_alone(world):
    with pytest.MonkeyPatch.context() as patch:
        return world.call(ALONE, patch)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_used_by_events_alone_or_refused_and_not_both(
    world, monkeypatch, of_events_alone, name
):
    reader, plain = of_events_alone
    words = [word for text in assigned(name) for word in ("--set", text)]
    recorder, seen = world.call([*ALONE, *words], monkeypatch)
    of_data = name.startswith("data.")
    if is_refused(seen, name):
        assert not recorder.calls
        assert not (of_data and name in reader.reads), "refused, though the reader of events asks"
    else:
        assert name in recorder.reads if of_data else recorder.calls != reader.calls
    assert plain[0] == 0


@pytest.mark.parametrize(
    ("words", "environment", "source"),
    [
        (["--encoder", "rnn"], {}, "--encoder"),
        (["--encoder", USUAL["model.encoder"]], {}, "--encoder"),  # typed, if usual
        (["--set", "model.encoder=rnn"], {}, "--set model.encoder=rnn"),
        (["--config", "encoder.toml"], {}, "encoder.toml"),
        (
            [],
            {"LATENTODE_MODEL__ENCODER": "rnn"},
            "environment variable LATENTODE_MODEL__ENCODER",
        ),
        (
            ["--config", "encoder.toml", "--encoder", "ode_rnn"],
            {"LATENTODE_MODEL__ENCODER": "rnn"},
            "--encoder",
        ),
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_the_refusal_of_a_setting_says_where_it_comes_from(
    world, monkeypatch, words, environment, source, dry
):
    recorder, seen = world.call([*ALONE, *words, *dry], monkeypatch, environment)
    assert (seen[0], recorder.calls, seen[4]) == (4, [], {})
    assert seen[2].startswith(
        f"error: model.encoder (by {source}): expected a log beside the events, got events alone."
    )
    assert len(seen[2].splitlines()) == 1


def test_all_settings_with_their_usual_values_are_no_reason_to_refuse_events_alone(
    world, monkeypatch
):
    recorder, seen = world.call([*ALONE, "--config", "usual.toml"], monkeypatch)
    assert seen[0] == 0, seen[2]
    assert recorder.calls


def test_a_run_on_events_alone_stores_the_settings_it_uses(world, monkeypatch):
    _, seen = world.call([*ALONE, "--dry-run", "--lr", "0.5"], monkeypatch)
    stored = settings.flat(tomllib.loads(seen[1]))
    assert stored["train.optimizer.lr"] == 0.5
    assert stored["train.batch_size"] == 48
    assert stored["model.latent_dim"] * stored["train.max_epochs"] == 256


@pytest.mark.parametrize(
    ("folder", "lr", "batch_size", "steps", "latent_dim"),
    [("stopped-events", 3e-3, 64, 48, 2), ("old-events", 1e-2, 48, 400, 16)],
)
def test_a_run_on_events_alone_goes_on_with_the_settings_it_began_with(
    world, monkeypatch, folder, lr, batch_size, steps, latent_dim
):
    recorder, seen = world.call(["resume", folder, "--max-time", "9s"], monkeypatch)
    assert seen[0] == 0, seen[2]
    told = dict(recorder.calls)["fit"][0][-1]
    assert (told["lr"], told["batch_size"], told["steps"]) == (lr, batch_size, steps)
    assert (told["latent_dim"], told["max_time"]) == (latent_dim, "9s")


@pytest.mark.parametrize(
    ("budget", "said", "unsaid"),
    [
        ("6s", "--max-time 6s is over after 2 of 400 steps: stopped, with the last state", "most"),
        ("40s", "at most 12 steps (of 400, to end within --max-time)", "is over"),
    ],
)
def test_a_run_on_events_alone_that_ran_out_of_time_says_so(
    tmp_path, monkeypatch, budget, said, unsaid
):
    hurried = HURRIED | {"clock": itertools.count(0.0, 3.0).__next__}
    monkeypatch.setattr("latentode.training.events.fit.fit_events.__kwdefaults__", hurried)
    (tmp_path / "events.csv").write_text(
        "id,time_s,mark\n" + "".join(f"s,{t},hot\n" for t in TIMES)
    )
    words = ["--events", tmp_path / "events.csv", "--max-time", budget, "--latent-dim", "2"]
    done = run("train", *words, "--hidden-dim", "3", "--out", tmp_path / "run")
    assert done.exit_code == 0, done.stderr
    assert said in done.stderr
    assert unsaid not in done.stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "done"
    assert (tmp_path / "run" / "model" / "events.json").is_file()
