"""Parts that a test has registered."""

from latentode.config.model import REGISTERED
from latentode.data.reading.formats.open_table import FORMATS


def forget_registered():
    """Leave the parts of the package alone; a process of a user never forgets one."""
    FORMATS[:] = [each for each in FORMATS if type(each).__module__.startswith("latentode.")]
    if not any(REGISTERED.values()):
        return
    from latentode.models.encoders import ENCODERS
    from latentode.models.heads import NAMED_HEADS
    from latentode.models.likelihoods import LIKELIHOODS

    places = {"encoder": ENCODERS, "likelihood": LIKELIHOODS, "label_head": NAMED_HEADS}
    for setting, names in REGISTERED.items():
        for name in names:
            del places[setting][name]
        names.clear()
