"""Point processes: goodness of fit, and prediction of the next event.

`diagnostics` asks whether a process explains the events that it scored; `prediction` gives
intensities, survival, the next event and simulated continuations of a `JumpProcess`.
"""
