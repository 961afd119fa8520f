//! stdout, buffered, as something that can be owned.

use simul_core::Error;
use std::io::{self, BufWriter, ErrorKind, Stdout, Write};

/// stdout. Each write takes the lock by itself, so that a writer may move between threads.
#[derive(Debug)]
pub(crate) struct Outlet(BufWriter<Stdout>);

impl Outlet {
    pub(crate) fn new() -> Self {
        Self(BufWriter::with_capacity(1 << 16, io::stdout()))
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether the error says that nobody reads stdout any more (`| head`): a reason to end quietly.
pub(crate) fn reader_gone(error: &Error) -> bool {
    error.source_as::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
