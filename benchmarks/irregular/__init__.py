"""Published tasks on irregular series: windows with answers, naive rows, and the package's model.

`windows.Windows` is what is shown and what is asked; `task.SeriesTask` is a protocol made concrete
(training windows drawn at random, fixed validation and test windows, metrics); `naive`,
`training` and `peers` predict; `study` turns both into rows of a benchmark.
"""
