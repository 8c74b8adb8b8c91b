#!/usr/bin/env bash
# EasyTPP predicts the next event by how long the last gap was, from a model to which the past makes no difference
#
# The model here, RMTPP with weights set by hand, has the intensity 0.01 exp(t), t after the last event. The mean wait of that is
# exp(0.01) E1(0.01) = 4.08, whatever went before. One would expect 4 in every line. Its sampler looks for the bound that
# thinning needs as far ahead as the last gap was long, so that two events on one stamp leave a bound far below the intensity.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="easy-tpp==0.3.0 torch==2.13.0 numpy==2.4.6 pandas==3.1.1 python-dateutil==4.0.0 tzdata==2026.6 pyyaml==6.0.4
  packaging==26.4 omegaconf==2.4.0 tensorboard==2.21.0 tensorboard-data-server==0.7.2 absl-py==2.5.1 grpcio==1.85.3
  markdown==3.11.3 protobuf==7.36.2 werkzeug==3.1.9 pillow==13.0.0 datasets==5.2.0 dill==0.4.1 multiprocess==0.70.19
  xxhash==4.1.0 pyarrow==26.0.1 huggingface-hub==2.4.0 hf-xet==1.8.0 httpx2==2.16.2 httpcore2==2.16.2 h11==0.16.0
  anyio==4.16.0 truststore==0.10.5 idna==3.20 click==8.5.1 tqdm==4.70.1 filelock==4.3.1 fsspec==2026.9.0 jinja2==3.1.6
  markupsafe==3.0.4 mpmath==1.3.0 networkx==3.6.1 sympy==1.14.0 typing-extensions==4.16.0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 900 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
last gap 6: next event after 4, mean of 10000
last gap 3: next event after 4, mean of 10000
last gap 1: next event after 9, mean of 10000
last gap 0: next event after 21, mean of 10000
SEEN

# -I: nothing from outside the environment above
timeout 300 venv/bin/python -I - > all.txt <<'PYTHON'
import math

import torch
from easy_tpp.config_factory import ModelConfig
from easy_tpp.model import TorchRMTPP

torch.set_num_threads(1)
torch.manual_seed(2)
settings = {
    "hidden_size": 4,
    "num_event_types": 1,
    "num_event_types_pad": 2,
    "event_pad_index": 1,
    "thinning": {"num_sample": 1},
}
model = TorchRMTPP(ModelConfig(**settings))
with torch.no_grad():
    model.hidden_to_intensity_logits.weight.zero_()
    model.hidden_to_intensity_logits.bias.fill_(math.log(0.01))
    model.b_t.zero_()
    model.w_t.fill_(1)
    for gap in (6, 3, 1, 0):
        # two events with a gap; a third, which is not looked at, stands for what is to be predicted
        gaps = torch.tensor([0.0, gap, 1.0]).repeat(10000, 1)
        kinds = torch.zeros(gaps.shape, dtype=torch.long)
        there = torch.ones(gaps.shape, dtype=torch.bool)
        events = {"time_seqs": gaps.cumsum(1), "time_delta_seqs": gaps, "type_seqs": kinds, "seq_non_pad_mask": there}
        waits, _ = model.predict_one_step_at_every_event(**events, attention_mask=None)
        print(f"last gap {gap}: next event after {waits[:, -1].mean():.0f}, mean of 10000")
PYTHON

grep '^last gap' all.txt > now.txt
echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
