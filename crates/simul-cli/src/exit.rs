//! What the command's exit code says.

/// Everything went well.
pub const OK: i32 = 0;
/// Some repositories failed; what could be had was written, the reasons stand on stderr.
pub const SOME_FAILED: i32 = 1;
/// The command line is not usable; nothing was started.
pub const USAGE: i32 = 2;
/// Nothing usable came of it: every repository failed, or git, the cache or the output folder cannot be used.
pub const NOTHING_USABLE: i32 = 3;
/// Ctrl-C. Running the same command again goes on from there.
pub const INTERRUPTED: i32 = 130;
/// The reader of stdout went away, as in `| head` (128 + SIGPIPE, as shells write it).
pub const READER_GONE: i32 = 141;
/// Asked to end by SIGTERM (128 + SIGTERM).
pub const TERMINATED: i32 = 143;

/// The code for so many repositories, of which so many failed.
pub fn of_counts(total: usize, failed: usize) -> i32 {
    match failed {
        0 => OK,
        _ if failed >= total => NOTHING_USABLE,
        _ => SOME_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_none_some_and_all_apart() {
        assert_eq!([of_counts(3, 0), of_counts(3, 1), of_counts(3, 3), of_counts(1, 1)], [0, 1, 3, 3]);
    }
}
