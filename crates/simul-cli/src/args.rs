//! What can be written on the command line.

use crate::size;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Many git repositories at once.
#[derive(Debug, Parser)]
#[command(
    name = "simul",
    version,
    about,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) area: Area,
}

/// What to work on.
#[derive(Debug, Subcommand)]
pub(crate) enum Area {
    /// Git repositories: paths, URLs, or lists of them.
    #[command(subcommand, arg_required_else_help = true, after_help = EXIT_CODES)]
    Repos(Repos),
}

const EXIT_CODES: &str = "\
Exit codes: 0 all went well; 1 some repositories failed (listed on stderr); 2 the command line is not usable;
3 nothing usable; 130 interrupted (run the same command again to go on).
Ctrl-C once lets running repositories finish and reports them; twice stops at once.";

const SOURCES_HELP: &str = "\
Paths are read in place; URLs (https, ssh, file, user@host:path) are mirrored into the cache, then only what is new
is fetched. A token never goes on the command line: put it into an environment variable and name that with
--auth HOST=ENVVAR. GITHUB_TOKEN, if set, is used for github.com and for no other host.
Exit codes: 0 all went well; 1 some repositories failed; 2 usage; 3 nothing usable; 130 interrupted.";

/// What to do with repositories.
#[derive(Debug, Subcommand)]
pub(crate) enum Repos {
    /// Clone or fetch every repository; prints where each one is.
    #[command(after_help = SOURCES_HELP)]
    Sync(Sync),
    /// Write a folder of Parquet tables and report.html, and print a summary.
    #[command(after_help = SOURCES_HELP)]
    Report(Report),
    /// One row per commit.
    #[command(after_help = SOURCES_HELP)]
    Commits(History),
    /// One row per changed file of each commit.
    #[command(after_help = SOURCES_HELP)]
    Changes(History),
    /// One row per run of lines that the same commit wrote, of the files at HEAD.
    #[command(after_help = SOURCES_HELP)]
    Blame(Blame),
    /// One row per file and author: whose lines are there at HEAD.
    #[command(after_help = SOURCES_HELP)]
    Ownership(Rows),
    /// One row per branch, remote branch and tag.
    #[command(after_help = SOURCES_HELP)]
    Branches(Rows),
}

/// Which repositories, and how they are fetched.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Paths or URLs of repositories
    #[arg(value_name = "PATH|URL")]
    pub(crate) sources: Vec<String>,

    /// Read sources from a text file (one a line, # comments) or from a column of a CSV file; may be repeated
    #[arg(long, value_name = "FILE.txt|FILE.csv:COLUMN")]
    pub(crate) from: Vec<String>,

    /// Repositories that are worked on at once, and git processes alive at most
    #[arg(long, short, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,

    /// Folder of the mirrors [default: $SIMUL_CACHE, else ~/.cache/simul]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,

    /// Give up a transfer that receives more (512MiB, 2GB, none)
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = parse_limit_bytes)]
    pub(crate) limit_bytes: Limit<u64>,

    /// Give up a transfer that takes longer (seconds, none)
    #[arg(long, value_name = "SECONDS", default_value = "900", value_parser = parse_limit_seconds)]
    pub(crate) limit_seconds: Limit<f64>,

    /// Give up a transfer in which nothing arrives for so long (seconds, none)
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_limit_seconds)]
    pub(crate) stall_seconds: Limit<f64>,

    /// Log in to HOST[:PORT] with the token in the environment variable ENVVAR; may be repeated
    #[arg(long, value_name = "HOST=ENVVAR")]
    pub(crate) auth: Vec<String>,

    /// What to show on stderr while working
    #[arg(long, value_name = "KIND", default_value = "auto", value_enum)]
    pub(crate) progress: ProgressKind,
}

/// A limit, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit<T>(pub(crate) Option<T>);

fn parse_limit_bytes(text: &str) -> Result<Limit<u64>, String> {
    size::bytes(text).map(Limit)
}

fn parse_limit_seconds(text: &str) -> Result<Limit<f64>, String> {
    size::seconds(text).map(Limit)
}

/// Which part of the history.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// Commits of HEAD (as git log), of all refs, or of these (comma-separated branches, tags, ranges)
    #[arg(long, value_name = "head|all|NAME,...", default_value = "head")]
    pub(crate) refs: String,

    /// What a merge counts for: no lines, its changes to the first parent, or what differs from every parent
    #[arg(long, default_value = "zero", value_enum)]
    pub(crate) merges: MergesKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MergesKind {
    Zero,
    FirstParent,
    Combined,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressKind {
    /// Live rows on a terminal, plain lines elsewhere
    Auto,
    /// One line for each step of each repository
    Plain,
    /// One JSON object a line
    Json,
    /// Nothing but what went wrong
    None,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Columns for people; not every column
    Table,
    /// Comma-separated, with a header
    Csv,
    /// One JSON object a line
    Jsonl,
    /// An Arrow IPC stream
    Arrow,
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) common: Common,
    /// How results are written to stdout
    #[arg(long, default_value = "table", value_enum)]
    pub(crate) format: SyncFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SyncFormat {
    /// Columns for people
    Table,
    /// Comma-separated, with a header
    Csv,
    /// One JSON object a line
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct Rows {
    #[command(flatten)]
    pub(crate) common: Common,
    /// How rows are written to stdout
    #[arg(long, default_value = "table", value_enum)]
    pub(crate) format: OutputFormat,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) rows: Rows,
    #[command(flatten)]
    pub(crate) scope: Scope,
}

#[derive(Debug, Args)]
pub(crate) struct Blame {
    #[command(flatten)]
    pub(crate) rows: Rows,
    /// Blame only this file (path in the repository); may be repeated
    #[arg(long = "path", value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// Keep the lines themselves, too (csv, jsonl, arrow)
    #[arg(long)]
    pub(crate) content: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// Folder to write; an older report there is replaced
    #[arg(long, short, value_name = "DIR", default_value = "simul-report")]
    pub(crate) output: PathBuf,
    /// Leave out whose lines are still there: every file must be blamed for it
    #[arg(long)]
    pub(crate) no_ownership: bool,
}
