"""What must hold of every model, whatever it is made of: `check_model`.

For those who add a part of their own: one call says of each rule whether it holds, and by how much
it is missed.
"""

from latentode.checks.battery import check_model as check_model
from latentode.checks.outcomes import CheckResult as CheckResult
from latentode.checks.outcomes import ModelChecks as ModelChecks
