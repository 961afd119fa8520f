//! What to run.

use std::any::Any;
use std::fmt;
use std::process::{Command, Stdio};

/// A command and what its process group gets besides: pipes, descriptors, limits, things to hold while it lives.
///
/// The standard streams are null unless asked for here; what the [`Command`] itself says about them does not count,
/// so that no child ever reads the host's terminal or writes on it.
///
/// # Example
/// ```
/// use simul_engine::child::{ChildOptions, spawn_group};
/// use std::io::Read;
/// use std::process::{Command, Stdio};
/// # fn main() -> std::io::Result<()> {
/// let mut command = Command::new("echo");
/// command.arg("hello");
/// let mut group = spawn_group(ChildOptions::new(command).stdout(Stdio::piped()))?;
/// let mut said = String::new();
/// group.take_stdout().expect("stdout was piped").read_to_string(&mut said)?;
/// assert_eq!(said, "hello\n");
/// assert!(group.wait()?.success());
/// # Ok(())
/// # }
/// ```
pub struct ChildOptions {
    pub(super) command: Command,
    #[cfg(unix)]
    pub(super) passed: Vec<std::os::fd::OwnedFd>,
    pub(super) file_bytes: Option<u64>,
    pub(super) holds: Vec<Box<dyn Any + Send>>,
}

impl ChildOptions {
    /// `command` with all three standard streams null.
    pub fn new(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self {
            command,
            #[cfg(unix)]
            passed: Vec::new(),
            file_bytes: None,
            holds: Vec::new(),
        }
    }

    /// Where the child reads from.
    #[must_use]
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    /// Where the child writes to.
    #[must_use]
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Where the child complains.
    #[must_use]
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.command.stderr(stderr);
        self
    }

    /// Lets the child, and what it starts, inherit `descriptor` under its present number; this process's copy is
    /// closed once the child runs.
    #[cfg(unix)]
    #[must_use]
    pub fn pass(mut self, descriptor: std::os::fd::OwnedFd) -> Self {
        self.passed.push(descriptor);
        self
    }

    /// The largest file, in bytes, that any process of the group may write (`RLIMIT_FSIZE`; nothing where the system
    /// has no such limit).
    #[must_use]
    pub fn limit_file_bytes(mut self, bytes: u64) -> Self {
        self.file_bytes = Some(bytes);
        self
    }

    /// Keeps `value` (a permit, a temporary folder) until the group has been killed and its leader reaped.
    #[must_use]
    pub fn hold(mut self, value: impl Any + Send) -> Self {
        self.holds.push(Box::new(value));
        self
    }
}

impl From<Command> for ChildOptions {
    fn from(command: Command) -> Self {
        Self::new(command)
    }
}

impl fmt::Debug for ChildOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildOptions").field("program", &self.command.get_program()).finish_non_exhaustive()
    }
}
