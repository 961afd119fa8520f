//! The eventfd (elsewhere a pipe) that a loop watches.

use super::own_turn;
use rustix::fd::{AsRawFd, OwnedFd};
use simul_wake::{Bell, generation};
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// An owned descriptor, shared by the loop's half and by whoever still may push: it cannot be closed, and its number
/// not reused, while a push could write to it.
pub(crate) struct WakeFd {
    read: ManuallyDrop<OwnedFd>,
    /// Only where there is no eventfd.
    write: ManuallyDrop<Option<OwnedFd>>,
    generation: u32,
}

impl WakeFd {
    pub(crate) fn new() -> rustix::io::Result<Arc<Self>> {
        let (read, write) = Self::open()?;
        Ok(Arc::new(Self {
            read: ManuallyDrop::new(read),
            write: ManuallyDrop::new(write),
            generation: generation::current(),
        }))
    }

    #[cfg(target_os = "linux")]
    fn open() -> rustix::io::Result<(OwnedFd, Option<OwnedFd>)> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok((eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?, None))
    }

    #[cfg(not(target_os = "linux"))]
    fn open() -> rustix::io::Result<(OwnedFd, Option<OwnedFd>)> {
        let (read, write) = rustix::pipe::pipe()?;
        for end in [&read, &write] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
            rustix::io::ioctl_fionbio(end, true)?;
        }
        Ok((read, Some(write)))
    }

    pub(crate) fn number(&self) -> i32 {
        self.read.as_raw_fd()
    }

    /// Makes the fd unreadable again; called before the inbox is drained, so that a later push rings again.
    pub(crate) fn silence(&self) {
        let mut buffer = [0; 64];
        // Nothing to read is what is wanted.
        let _ = rustix::io::read(&*self.read, &mut buffer);
    }
}

impl Bell for WakeFd {
    fn ring(&self) {
        let target = self.write.as_ref().unwrap_or(&self.read);
        // A full counter or pipe is readable already.
        let _ = rustix::io::write(target, &1u64.to_ne_bytes());
    }
}

/// A bell that several owners share.
pub(crate) struct SharedBell(pub(crate) Arc<WakeFd>);

impl Bell for SharedBell {
    fn ring(&self) {
        if !own_turn::keeps(&self.0) {
            self.0.ring();
        }
    }
}

impl Drop for WakeFd {
    fn drop(&mut self) {
        // An inherited fd is left alone: the parent's loop may live on in this child's memory.
        if !generation::is_inherited(self.generation) {
            // SAFETY: dropped once, here.
            unsafe {
                ManuallyDrop::drop(&mut self.read);
                ManuallyDrop::drop(&mut self.write);
            }
        }
    }
}
