"""Descriptions that were changed by someone who knows that their checksum must fit."""

from latentode.models.fitted.model_folder import sum_of


def sealed(meta):
    about = {name: value for name, value in meta.items() if name != "checksum"}
    return {**about, "checksum": sum_of(about)}
