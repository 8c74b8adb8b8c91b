"""Reading speed: the logs, the readers that are compared, and the process that measures one."""
