//! A child's stdout or stderr, read by a Tokio task.

use std::io;
use std::process::{ChildStderr, ChildStdout};

#[cfg(unix)]
use std::os::fd::OwnedFd as Handle;
#[cfg(windows)]
use std::os::windows::io::OwnedHandle as Handle;

/// The reading end of a child's pipe.
///
/// # Cancellation
/// [`AsyncOutput::read`] is cancel safe: a dropped read has taken nothing.
#[derive(Debug)]
pub struct AsyncOutput {
    #[cfg(unix)]
    pipe: tokio::net::unix::pipe::Receiver,
    #[cfg(not(unix))]
    chunks: tokio::sync::mpsc::Receiver<io::Result<Vec<u8>>>,
    #[cfg(not(unix))]
    rest: Vec<u8>,
}

impl AsyncOutput {
    /// Reads what the child writes on stdout.
    ///
    /// # Errors
    /// Outside of a Tokio runtime, or when the pipe cannot be made non-blocking.
    pub fn stdout(pipe: ChildStdout) -> io::Result<Self> {
        Self::new(pipe.into())
    }

    /// Reads what the child writes on stderr.
    ///
    /// # Errors
    /// As [`AsyncOutput::stdout`].
    pub fn stderr(pipe: ChildStderr) -> io::Result<Self> {
        Self::new(pipe.into())
    }

    /// Reads from any pipe's reading end.
    ///
    /// # Errors
    /// As [`AsyncOutput::stdout`].
    #[cfg(unix)]
    pub fn pipe(pipe: Handle) -> io::Result<Self> {
        Self::new(pipe)
    }

    #[cfg(unix)]
    fn new(pipe: Handle) -> io::Result<Self> {
        Ok(Self { pipe: tokio::net::unix::pipe::Receiver::from_owned_fd(pipe)? })
    }

    /// Reads some bytes; 0 is the end.
    ///
    /// # Errors
    /// Those of the system.
    #[cfg(unix)]
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.pipe.readable().await?;
            match self.pipe.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    #[cfg(not(unix))]
    fn new(pipe: Handle) -> io::Result<Self> {
        use std::io::Read;
        let (sender, chunks) = tokio::sync::mpsc::channel(4);
        let mut file = std::fs::File::from(pipe);
        std::thread::Builder::new().name("simul-pipe".into()).spawn(move || {
            loop {
                let mut chunk = vec![0; 16 << 10];
                let read = file.read(&mut chunk).map(|length| {
                    chunk.truncate(length);
                    chunk
                });
                let last = !matches!(&read, Ok(chunk) if !chunk.is_empty());
                if sender.blocking_send(read).is_err() || last {
                    return;
                }
            }
        })?;
        Ok(Self { chunks, rest: Vec::new() })
    }

    #[cfg(not(unix))]
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            match self.chunks.recv().await {
                Some(chunk) => self.rest = chunk?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.rest.len());
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.rest.drain(..length);
        Ok(length)
    }
}
