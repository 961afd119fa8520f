"""A report about the repository in the current folder: one page, and Parquet tables."""

import json
import subprocess
import sys
from pathlib import Path

out = Path("simul-report")
command = [sys.executable, "-m", "simul", "repos", "report", ".", "-o", str(out), "--progress", "none"]
subprocess.run(command, check=True)

manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
print("the folder's manifest has", ", ".join(sorted(manifest)))
print("open", out / "report.html")
