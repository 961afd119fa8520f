//! How much one repository may take before it is given up.

use crate::{RepoError, RepoErrorKind};
use std::time::Duration;

/// Limits on the transfer of one repository; `None` is no limit.
///
/// # Example
/// ```
/// use simul_git::limits::Limits;
/// let limits = Limits { bytes: Some(100 << 20), ..Limits::default() };
/// assert_eq!(limits.seconds, Some(900.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Bytes received in one transfer. Default 2 GiB.
    pub bytes: Option<u64>,
    /// Seconds that one transfer takes altogether. Default 900.
    pub seconds: Option<f64>,
    /// Seconds without one byte of data or progress while the server has the word. Default 60.
    pub stall_seconds: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: Some(2 << 30), seconds: Some(900.0), stall_seconds: Some(60.0) }
    }
}

impl Limits {
    /// Refuses what no transfer could keep.
    ///
    /// # Errors
    /// [`RepoErrorKind::Invalid`] for zero, negative, infinite or undefined values.
    pub fn check(&self) -> Result<(), RepoError> {
        let invalid = |name: &str, value: String| {
            RepoError::new(RepoErrorKind::Invalid, "limits", "reading limits", format!("{name} = {value} is no limit"))
                .hint("give a number above zero, or none for no limit")
        };
        if self.bytes == Some(0) {
            return Err(invalid("bytes", "0".into()));
        }
        for (name, value) in [("seconds", self.seconds), ("stall_seconds", self.stall_seconds)] {
            if let Some(value) = value
                && !(value > 0.0 && Duration::try_from_secs_f64(value).is_ok())
            {
                return Err(invalid(name, value.to_string()));
            }
        }
        Ok(())
    }

    pub(crate) fn wall(&self) -> Option<Duration> {
        self.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    pub(crate) fn stall(&self) -> Option<Duration> {
        self.stall_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_above_zero_are_limits() {
        assert!(Limits::default().check().is_ok());
        assert!(Limits { bytes: None, seconds: None, stall_seconds: None }.check().is_ok());
        for bad in [
            Limits { bytes: Some(0), ..Limits::default() },
            Limits { seconds: Some(0.0), ..Limits::default() },
            Limits { seconds: Some(f64::NAN), ..Limits::default() },
            Limits { stall_seconds: Some(-1.0), ..Limits::default() },
            Limits { stall_seconds: Some(f64::INFINITY), ..Limits::default() },
        ] {
            assert_eq!(bad.check().unwrap_err().kind, RepoErrorKind::Invalid, "{bad:?}");
        }
    }
}
