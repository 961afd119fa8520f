//! Arguments from Python.

use crate::bind::errors;
use pyo3::prelude::*;
use simul_core::{Error, Kind};
use simul_git::history::{CommitOptions, Merges, Refs};

/// `"head"`, `"all"`, one name or several.
#[derive(FromPyObject)]
pub(super) enum RefsArgument {
    Word(String),
    Names(Vec<String>),
}

impl RefsArgument {
    fn refs(self) -> Refs {
        match self {
            RefsArgument::Word(word) if word.eq_ignore_ascii_case("head") => Refs::Head,
            RefsArgument::Word(word) if word == "all" => Refs::All,
            RefsArgument::Word(word) => Refs::Named(vec![word]),
            RefsArgument::Names(names) => Refs::Named(names),
        }
    }
}

/// The options that `refs=` and `merges=` stand for.
pub(super) fn commit_options(refs: RefsArgument, merges: &str) -> PyResult<CommitOptions> {
    let merges = match merges {
        "zero" => Merges::Zero,
        "first-parent" => Merges::FirstParent,
        "combined" => Merges::Combined,
        other => {
            let message = format!("merges is \"zero\", \"first-parent\" or \"combined\", not {other:?}");
            return Err(errors::now(Error::new(Kind::Invalid, message)));
        }
    };
    Ok(CommitOptions { refs: refs.refs(), merges, ..CommitOptions::default() })
}
