//! Branches and tags, with the commit that each points to.

use super::children::read_object;
use super::decode::RawCommit;
use super::mailmap::Mailmap;
use super::pool::{Pool, Service};
use super::process::{Context, damaged, run};
use super::repository::Repository;
use crate::RepoError;
use crate::record::Reference;
use simul_engine::CancelToken;

/// A name holds no control byte, so each line is a reference and NUL separates its fields.
const FORMAT: &str = "%(refname)%00%(HEAD)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)";

impl Repository {
    /// Local and remote branches and tags, in the order of their full names. Tags are peeled; one of a tree or a file
    /// has no commit.
    ///
    /// # Errors
    /// `Corrupt` when a commit cannot be read, `Cancelled`. A repository without branches has none: that is no error.
    ///
    /// # Cost
    /// Four git children, one after the other.
    pub fn references(&self, cancel: &CancelToken) -> Result<Vec<Reference>, RepoError> {
        let context = Context { source: self.source(), phase: "listing branches", cancel };
        let mut command = self.command();
        command.args(["for-each-ref", &format!("--format={FORMAT}"), "refs/heads", "refs/remotes", "refs/tags"]);
        let listed = run(command, context)?;
        if !listed.success {
            return Err(damaged(&context, &listed.stderr));
        }
        let mut remotes = self.command();
        remotes.arg("remote");
        let remotes = run(remotes, context)?.text();
        let remotes: Vec<&str> = remotes.lines().collect();
        let mut references = Vec::new();
        for line in listed.text().lines() {
            let fields: Vec<&str> = line.split('\0').collect();
            let [full_name, head, kind, id, peeled_kind, peeled] = fields[..] else { continue };
            let sha = match (kind, peeled_kind) {
                ("commit", _) => Some(id.to_owned()),
                ("tag", "commit") => Some(peeled.to_owned()),
                // A tag of a tag: git before 2.45 peels once only.
                ("tag", "tag") => self.peel(full_name, context)?,
                _ => None,
            };
            references.push(Reference { is_head: head == "*", sha, ..named(full_name, &remotes) });
        }
        self.add_commits(&mut references, context)?;
        Ok(references)
    }

    fn peel(&self, name: &str, context: Context<'_>) -> Result<Option<String>, RepoError> {
        let mut command = self.command();
        command.args(["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")]);
        let output = run(command, context)?;
        Ok(output.success.then(|| output.text().trim().to_owned()))
    }

    fn add_commits(&self, references: &mut [Reference], context: Context<'_>) -> Result<(), RepoError> {
        let mailmap = Mailmap::of(self, context)?;
        let pool = Pool::new(self, context, 1);
        for batch in references.chunks_mut(256) {
            pool.with(Service::Objects, |process| {
                let requests: String = batch.iter().flat_map(|r| &r.sha).flat_map(|sha| [sha, "\n"]).collect();
                process.ask(requests.as_bytes())?;
                let mut data = Vec::new();
                for reference in batch {
                    let Some(sha) = &reference.sha else { continue };
                    read_object(process, &mut data)?;
                    let row = RawCommit::parse(&data).row(sha, &[], &mailmap);
                    reference.author = row.author;
                    reference.subject = row.subject;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn named(full_name: &str, remotes: &[&str]) -> Reference {
    let mut reference = Reference { full_name: full_name.to_owned(), ..Reference::default() };
    if let Some(name) = full_name.strip_prefix("refs/tags/") {
        reference.kind = "tag";
        name.clone_into(&mut reference.name);
    } else if let Some(name) = full_name.strip_prefix("refs/remotes/") {
        reference.kind = "remote";
        name.clone_into(&mut reference.name);
        // A remote's name may hold slashes; one that is not configured any more is taken to be the first part.
        let configured =
            remotes.iter().filter(|remote| name.strip_prefix(**remote).is_some_and(|branch| branch.starts_with('/')));
        let remote = configured.max_by_key(|remote| remote.len()).copied().or_else(|| name.split('/').next());
        reference.remote = remote.map(str::to_owned);
    } else {
        reference.kind = "branch";
        full_name.strip_prefix("refs/heads/").unwrap_or(full_name).clone_into(&mut reference.name);
    }
    reference
}
