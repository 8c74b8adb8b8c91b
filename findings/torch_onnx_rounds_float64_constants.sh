#!/usr/bin/env bash
# torch.onnx.export writes the numbers of a float64 program in float32
#
# One would expect: a program in float64 whose graph is in float64 gives what torch gives, to 1e-15.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnx-ir==1.1.0 onnxruntime==1.32.0 numpy==2.4.6
  ml-dtypes==0.6.0 protobuf==7.36.2 flatbuffers==25.12.19 packaging==26.4 filelock==4.3.1 fsspec==2026.9.0
  jinja2==3.1.6 markupsafe==3.0.4 mpmath==1.3.0 networkx==3.6.1 sympy==1.14.0 typing-extensions==4.16.0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 900 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
input double, output double
hours 26280 of an 8.76 h period
torch          3000.0000000000 periods
onnxruntime    2999.9999216158 periods, whole: 2999
SEEN

# -I: nothing from outside the environment above
timeout 300 venv/bin/python -I -W ignore - > all.txt <<'PYTHON'
import math

import onnx
import onnxruntime
import torch


class Periods(torch.nn.Module):
    def forward(self, hours):
        return hours / 8.76


hours = torch.tensor([26280.0], dtype=torch.float64)
torch.onnx.export(Periods(), (hours,), "periods.onnx", dynamo=True, verbose=False)
graph = onnx.load("periods.onnx").graph
kinds = [onnx.TensorProto.DataType.Name(v.type.tensor_type.elem_type).lower() for v in (*graph.input, *graph.output)]
session = onnxruntime.InferenceSession("periods.onnx")
(found,) = session.run(None, {session.get_inputs()[0].name: hours.numpy()})
print("input {}, output {}".format(*kinds))
print("hours 26280 of an 8.76 h period")
print(f"torch          {float(Periods()(hours)):.10f} periods")
print(f"onnxruntime    {found[0]:.10f} periods, whole: {math.floor(found[0])}")
PYTHON

tail -n 4 all.txt > now.txt
echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
