"""The model card: what a model is of, how good it is and what it is not good for.

A card is records of JSON types first (`LatentODE.model_card`), and a page that is made of them
(`markdown`), which a model folder holds as ``MODEL_CARD.md``. What a model knows of itself is put
together in `latentode.models.fitted.card_facts`; `with_run` adds what only its run folder knows:
what was left out of the log, versions, time, and the scores of ``evaluate``.
"""

from latentode.model_card.limits import limits as limits
from latentode.model_card.markdown import LICENCE as LICENCE
from latentode.model_card.markdown import markdown as markdown
from latentode.model_card.run_facts import SCORED as SCORED
from latentode.model_card.run_facts import with_run as with_run
from latentode.model_card.run_facts import words_of as words_of
from latentode.model_card.run_facts import write_card as write_card
