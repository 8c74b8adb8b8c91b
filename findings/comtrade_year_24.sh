#!/usr/bin/env bash
# comtrade reads the year 24 of a file of revision 1991 as the year 24
#
# One would expect: 2024-01-02; the standard of 1991 writes mm/dd/yy. Years are two thousand off, without a word.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="comtrade==0.2.0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
revision 1991 start 0024-01-02T03:04:05.000001
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
from comtrade import Comtrade

configuration = """pump station,1
1,1A,0D
1,IA,L1,pump,A,0.5,0,0,-32767,32767
50
1
1000,2
01/02/24,03:04:05.000001
01/02/24,03:04:05.000500
ASCII
"""
record = Comtrade()
record.read(configuration, "1,0,10\n2,1000,20\n")
print("revision", record.rev_year, "start", record.start_timestamp.isoformat())
PYTHON

echo "versions: $packages"
cat now.txt
diff seen.txt now.txt && echo "as seen before"
