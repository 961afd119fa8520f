"""Tables go to pandas, polars, duckdb and pyarrow as they are, and to files."""

import polars as pl
import pyarrow as pa

from simul import RepoManager

commits = RepoManager(["."]).analyze_commits(".").wait()

print(pa.table(commits).schema.names[:4])
frame = pl.DataFrame(commits)
print(frame.group_by("author_name").agg(pl.len()))

commits.to_parquet("commits.parquet")
commits.to_csv("commits.csv")
