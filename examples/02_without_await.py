"""The commits of one repository, in plain code: `.wait()` blocks this thread until the Job ends."""

from simul import RepoManager

job = RepoManager(["."]).analyze_commits(".")  # the work runs from here on
commits = job.wait(timeout=60)

print(len(commits), "commits")
for commit in commits[:5]:
    print(commit["hash"][:8], commit["author_time"], commit["subject"])
