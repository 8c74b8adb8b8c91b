#!/usr/bin/env bash
# torchrun --max-restarts: on one node, restarted processes are given the addresses of those that died
#
# One would expect: a process of two dies, both are started again, meet, and add up to 2 as at first.
# Fails if what is printed is no longer what was seen. See also
# https://github.com/pytorch/pytorch/issues/135712.
set -euo pipefail

packages="torch==2.13.0 numpy==2.4.6 filelock==4.3.1 fsspec==2026.9.0 jinja2==3.1.6 markupsafe==3.0.4
  mpmath==1.3.0 networkx==3.6.1 sympy==1.14.0 typing-extensions==4.16.0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 900 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
store shared as usual:
attempt 0: sum 2
attempt 1: RuntimeError: Gloo connectFullMesh failed
TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1:
attempt 0: sum 2
attempt 1: sum 2
SEEN

cat > program.py <<'PYTHON'
import os

import torch
from torch import distributed

attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
try:
    distributed.init_process_group("gloo")
    total = torch.ones(1)
    distributed.all_reduce(total)
except RuntimeError as error:
    with open(f"said-{attempt}-{os.environ['RANK']}", "w") as file:
        file.write(f"attempt {attempt}: RuntimeError: {str(error).partition(' with ')[0]}\n")
    raise SystemExit(1)
with open(f"said-{attempt}-{distributed.get_rank()}", "w") as file:
    file.write(f"attempt {attempt}: sum {int(total)}\n")
distributed.barrier()
if attempt == "0" and distributed.get_rank() == 1:
    os._exit(1)
if attempt == "1":
    distributed.destroy_process_group()
else:
    distributed.barrier()
PYTHON

run() {
  rm -f said-*
  # -I: nothing from outside the environment above
  timeout 300 venv/bin/python -I -m torch.distributed.run --nproc-per-node 2 --max-restarts 1 program.py > log.txt 2>&1 || true
  sort -u said-0-* | head -n 1
  sort -u said-1-* | head -n 1
}

{
  echo "store shared as usual:"
  run
  echo "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1:"
  export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
  run
} > now.txt

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
