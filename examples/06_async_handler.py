"""A command-line tool around a coroutine: `async_handler` makes it callable from plain code, anywhere."""

import argparse

from simul import RepoManager, async_handler, setup_async

setup_async()


@async_handler
async def analyze_repo(repo_url: str, token: str) -> list[str]:
    """The first lines of a repository's log."""
    manager = RepoManager([repo_url], github_username="", github_token=token)
    await manager.clone(repo_url)
    task = (await manager.fetch_clone_tasks())[repo_url]
    if task.temp_dir is None:
        raise RuntimeError(f"Failed to clone: {task.status.error}")
    commits = await manager.analyze_commits(task.temp_dir)
    return [f"{commit['hash'][:8]} - {commit['message']}" for commit in commits[:5]]


parser = argparse.ArgumentParser()
parser.add_argument("repo_url", nargs="?", default=".")
parser.add_argument("token", nargs="?", default="")
arguments = parser.parse_args()
print(*analyze_repo(arguments.repo_url, arguments.token), sep="\n")
