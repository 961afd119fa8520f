"""Many repositories: each has its table or its error, under the name that you gave it."""

from simul import RepoError, RepoManager

manager = RepoManager([".", "./no-such-folder"], jobs=4)
for source, commits in manager.commits().wait().items():
    if isinstance(commits, RepoError):
        print(f"{source}: {commits.kind}: {commits}")
    else:
        print(f"{source}: {len(commits)} commits")
