"""How a solve steps: on a grid of fixed steps, through a layered network by hand, or adaptively."""
