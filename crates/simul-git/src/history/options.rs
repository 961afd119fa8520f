//! Which commits to read and how.

/// Where the walk starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Refs {
    /// What HEAD points to, as `git log` does.
    #[default]
    Head,
    /// Every reference and HEAD, as `git log --all` does.
    All,
    /// These branches, tags or revisions (`main`, `v1.0`, `main..topic`).
    Named(Vec<String>),
}

/// What a merge commit counts for. Whatever is chosen, a line is never counted for the merged commits and for the merge
/// without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Merges {
    /// No files, 0 additions and 0 deletions, as `git log --numstat` shows.
    #[default]
    Zero,
    /// Its difference to the first parent (`--diff-merges=first-parent`): what the merge brought into the branch.
    FirstParent,
    /// Only files that differ from every parent (those of `git log -c --raw`), each with git's numbers against the
    /// first parent: conflicts that were resolved and changes smuggled into a merge.
    Combined,
}

/// Who computes the differences. Both give the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineKind {
    /// In process where the result is certain, git for the rest.
    #[default]
    Hybrid,
    /// Everything by git children: slower, and what the hybrid is tested against.
    Children,
}

/// Options of [`super::Repository::commits`]; the default is what `git log --numstat -M` shows.
#[derive(Debug, Clone)]
pub struct CommitOptions {
    /// Where the walk starts.
    pub refs: Refs,
    /// What merges count for.
    pub merges: Merges,
    /// Keep the row of each changed file in `Commit::changes`; the totals are there either way. Default true.
    pub changes: bool,
    /// Who computes the differences.
    pub engine: EngineKind,
    /// Threads that work; 0 (the default) means one for each core.
    pub threads: usize,
}

impl Default for CommitOptions {
    fn default() -> Self {
        Self {
            refs: Refs::default(),
            merges: Merges::default(),
            changes: true,
            engine: EngineKind::default(),
            threads: 0,
        }
    }
}

/// `threads`, or one for each core when it is 0.
pub(super) fn thread_count(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        given => given,
    }
}
