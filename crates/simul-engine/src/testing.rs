//! Ready values, timers and TCP reads as Jobs: what the battery and the benchmarks run on.

use crate::child::{ChildOptions, spawn_group_async};
use crate::{Job, spawn};
use simul_core::{Error, Kind};
use simul_wake::generation::CloseInChild;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// A value that goes once through the engine.
pub fn ready<T: Send + 'static>(value: T) -> Job<T> {
    spawn("ready", async move { Ok(value) })
}

/// A value after some time.
pub fn sleep<T: Send + 'static>(duration: Duration, value: T) -> Job<T> {
    spawn("sleep", async move {
        tokio::time::sleep(duration).await;
        Ok(value)
    })
}

/// A failure of the named kind; an unknown name fails as `Invalid`.
pub fn fail(kind: &str, message: &str) -> Job<()> {
    let kind = Kind::ALL.iter().copied().find(|known| known.name() == kind);
    let error = match kind {
        Some(kind) => Error::new(kind, message),
        None => Error::new(Kind::Invalid, "kind must be the name of an error kind, such as Timeout"),
    };
    spawn("fail", async move { Err(error) })
}

/// Work that panics.
pub fn panic(message: &str) -> Job<()> {
    let message = message.to_owned();
    spawn("panic", async move { std::panic::panic_any(message) })
}

/// Connects and reads until the peer closes or `max_bytes` have come. Dropping the Job closes the socket.
pub fn tcp_read(host: &str, port: u16, max_bytes: usize) -> Job<Vec<u8>> {
    let address = (host.to_owned(), port);
    spawn("tcp_read", async move {
        let failed = |error: std::io::Error| Error::new(Kind::Connect, error.to_string()).with_source(error);
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        // Declared after the stream, so dropped before it: the table never names a closed fd.
        #[cfg(unix)]
        let _in_child = CloseInChild::new(std::os::fd::AsRawFd::as_raw_fd(&stream));
        read(&stream, max_bytes).await.map_err(failed)
    })
}

async fn read(stream: &TcpStream, max_bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    while bytes.len() < max_bytes {
        stream.readable().await?;
        match stream.try_read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&chunk[..n.min(max_bytes - bytes.len())]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// A process group; resolves to its leader's exit code, or minus the signal that ended it. Dropping the Job kills it.
pub fn child(arguments: Vec<String>) -> Job<i32> {
    spawn("child", async move {
        let (program, rest) =
            arguments.split_first().ok_or_else(|| Error::new(Kind::Invalid, "arguments must name a program"))?;
        let failed = |error: std::io::Error| Error::new(Kind::NotFound, error.to_string()).with_source(error);
        let mut command = std::process::Command::new(program);
        command.args(rest);
        let mut group = spawn_group_async(ChildOptions::new(command)).await.map_err(failed)?;
        let status = group.wait_async().await.map_err(failed)?;
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        #[cfg(not(unix))]
        let signal: Option<i32> = None;
        Ok(status.code().or(signal.map(|signal| -signal)).unwrap_or(-1))
    })
}

/// `count` timers that are due at the same moment; each resolves to its place in the order in which they ended.
pub fn storm(count: usize, duration: Duration) -> Vec<Job<usize>> {
    let due = tokio::time::Instant::now() + duration;
    let ended = Arc::new(AtomicUsize::new(0));
    (0..count)
        .map(|_| {
            let ended = ended.clone();
            spawn("storm", async move {
                tokio::time::sleep_until(due).await;
                Ok(ended.fetch_add(1, Ordering::Relaxed))
            })
        })
        .collect()
}

/// A Job that never ends, and `count` Jobs that end once it is dropped; each resolves to its place, as in [`storm`].
pub fn gated(count: usize) -> (Job<()>, Vec<Job<usize>>) {
    let (gate, opened) = watch::channel(());
    let ended = Arc::new(AtomicUsize::new(0));
    let made = (0..count)
        .map(|_| {
            let (ended, mut opened) = (ended.clone(), opened.clone());
            spawn("gated", async move {
                // It is never sent anything: the error says that the gate has gone.
                let _ = opened.changed().await;
                Ok(ended.fetch_add(1, Ordering::Relaxed))
            })
        })
        .collect();
    drop(opened);
    let gate = spawn("gate", async move {
        gate.closed().await;
        Ok(())
    });
    (gate, made)
}
