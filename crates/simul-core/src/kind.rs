//! What kind of thing went wrong. Python has one exception class for each.

use std::fmt;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What kind of thing went wrong.
        ///
        /// Deliberately not `#[non_exhaustive]` inside the workspace: a new kind must break the one match that maps
        /// kinds to Python classes, so that it cannot be forgotten there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Kind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)+];

            /// The kind's name, as written in Rust.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Kind::$name => stringify!($name),)+
                }
            }
        }
    };
}

kinds! {
    /// A limit of time ran out.
    Timeout,
    /// The work was cancelled before it ended.
    Cancelled,
    /// The object belongs to the process that this one was forked from.
    Forked,
    /// The engine, client or queue has been shut down.
    Closed,
    /// Waiting here could never end: the holder waits for this thread.
    Deadlock,
    /// A blocking wait inside a running loop for work that needs that very loop.
    NestedLoop,
    /// No connection could be made, or it broke.
    Connect,
    /// TLS failed: certificate, name or protocol.
    Tls,
    /// The peer broke the protocol.
    Protocol,
    /// Bytes could not be understood as what they were announced to be.
    Decode,
    /// Something was larger than its limit.
    TooLarge,
    /// The server answered with an error status.
    Status,
    /// A login was missing, wrong or not allowed.
    Auth,
    /// What was asked for does not exist.
    NotFound,
    /// The server asked to slow down.
    RateLimited,
    /// A git repository could not be synced or read.
    Repo,
    /// A GraphQL query was refused or answered with errors.
    Query,
    /// A cache or state store failed.
    Store,
    /// An argument is not usable.
    Invalid,
    /// A bug in simul (a caught panic).
    Internal,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;
    use std::collections::HashSet;

    #[test]
    fn all_lists_every_kind_once() {
        let names: HashSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert!(names.len() >= 20);
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
