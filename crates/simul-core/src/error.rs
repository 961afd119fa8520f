//! The one error type: opaque, one word wide, with a kind to branch on and a context chain to read.

use crate::Kind;
use std::error::Error as StdError;
use std::fmt;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, while doing what, and because of what.
///
/// Branch on [`Error::kind`], never on the message. The message says what to do next where that is known.
///
/// # Example
/// ```
/// use simul_core::{Error, Kind, ResultExt};
/// let failed: Result<(), _> = Err(Error::new(Kind::NotFound, "no such repository: hw1"));
/// let error = failed.context("reading roster.csv").unwrap_err();
/// assert_eq!(error.kind(), Kind::NotFound);
/// assert_eq!(error.to_string(), "reading roster.csv: no such repository: hw1");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    /// Outermost last: `context()` pushes.
    context: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync + 'static>>,
}

impl Error {
    /// Makes an error of `kind`. The caller has already removed secrets from `message`.
    #[cold]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), context: Vec::new(), source: None }))
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync + 'static>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds what was being done, outside of what is already there.
    #[must_use]
    pub fn context(mut self, doing: impl Into<String>) -> Self {
        self.0.context.push(doing.into());
        self
    }

    /// The kind, to branch on.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The cause as its own type, if it is one: how a crate's private error travels to the binding.
    pub fn source_as<E: StdError + 'static>(&self) -> Option<&E> {
        self.0.source.as_deref().and_then(|source| source.downcast_ref())
    }

    /// The message without the context chain.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for doing in self.0.context.iter().rev() {
            write!(f, "{doing}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.kind)?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, " (because: {cause})")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}

/// Turns foreign errors into [`Error`] and adds context on the way up.
pub trait ResultExt<T> {
    /// Adds what was being done.
    fn context(self, doing: impl Into<String>) -> Result<T>;
    /// The same, computed only on failure.
    fn with_context(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T> ResultExt<T> for Result<T> {
    fn context(self, doing: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.context(doing))
    }

    fn with_context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| error.context(doing()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn context_reads_from_the_outside_in() {
        let error = Error::new(Kind::Connect, "refused").context("cloning hw1").context("syncing 3 repositories");
        assert_eq!(error.to_string(), "syncing 3 repositories: cloning hw1: refused");
        assert_eq!(error.message(), "refused");
    }

    #[test]
    fn the_source_comes_back_as_its_own_type() {
        let error = Error::new(Kind::Store, "disk").with_source(std::io::Error::other("full"));
        assert_eq!(error.source_as::<std::io::Error>().map(ToString::to_string).as_deref(), Some("full"));
        assert!(error.source_as::<fmt::Error>().is_none());
        assert_eq!(format!("{error:?}"), "Store: disk (because: full)");
    }
}
