#!/usr/bin/env bash
# neuralforecast reads the code for a missing reading as a reading, although available_mask is 0 there
#
# One would expect: the same forecast, whatever stands where available_mask says that nothing was measured; or an error. The
# check for missing values does leave such rows out, and so lets the NaN through.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="neuralforecast==3.3.0 torch==2.13.0 pytorch-lightning==2.6.6 lightning-utilities==0.15.3 torchmetrics==1.9.0
  coreforecast==0.0.20 utilsforecast==0.2.17 numpy==2.4.6 pandas==3.1.1 python-dateutil==4.0.0 narwhals==2.29.0
  pyarrow==26.0.1 scipy==1.17.1 optuna==5.0.0 alembic==1.20.1 sqlalchemy==2.1.9 mako==1.4.3 colorlog==6.12.0 tqdm==4.70.1
  ray==2.60.0 click==8.5.1 jsonschema==4.26.0 jsonschema-specifications==2025.9.1 referencing==0.37.0 rpds-py==2026.9.1
  attrs==26.1.0 msgpack==1.2.4 protobuf==7.36.2 tensorboardx==2.6.5 requests==2.34.2 urllib3==2.8.0 idna==3.20
  certifi==2026.10.19.post1 charset-normalizer==3.5.3 pydantic==2.14.4 pydantic-core==2.50.5 annotated-types==0.8.0
  typing-inspection==0.4.5 typing-extensions==4.16.0 pyyaml==6.0.4 packaging==26.4 filelock==4.3.1 fsspec==2026.9.0
  jinja2==3.1.6 markupsafe==3.0.4 mpmath==1.3.0 networkx==3.6.1 sympy==1.14.0 safetensors==0.8.0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 900 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
21 there: 20 20 20
-9999 there: -410 320 190
nan there: nan nan nan
SEEN

# -I: nothing from outside the environment above
timeout 300 venv/bin/python -I -W ignore - > all.txt <<'PYTHON'
import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.models import MLP

torch.set_num_threads(1)
hours = np.arange(400)
log = pd.DataFrame({"unique_id": "pump", "ds": pd.date_range("2024-01-01", periods=400, freq="h")})
log["y"] = 20 + np.sin(2 * np.pi * hours / 24)
log["available_mask"] = np.where(hours == 390, 0, 1)  # one hour was not measured, nine before the end
model = MLP(
    h=3,
    input_size=48,
    hidden_size=16,
    max_steps=300,
    random_seed=1,
    accelerator="cpu",
    enable_progress_bar=False,
    enable_checkpointing=False,
    logger=False,
)
forecaster = NeuralForecast([model], freq="h")
forecaster.fit(log)
for standin in (log.y[390], -9999.0, np.nan):
    log.loc[390, "y"] = standin
    forecast = forecaster.predict(log).MLP
    print(f"{standin:g} there:", *(f"{round(float(value), -1):g}" for value in forecast))  # to tens
PYTHON

grep ' there: ' all.txt > now.txt
echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
