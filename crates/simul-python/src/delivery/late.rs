//! Threads that come back for the interpreter when it has gone.
//!
//! Up to Python 3.13, CPython ends a daemon thread that asks for the interpreter while that exits: by `pthread_exit`,
//! wherever the thread stands. That unwinds its stack, and the process aborts at the first Rust frame on it. glibc calls
//! a thread's cleanup handlers before it leaves their frames; ours belongs to no frame, so it comes first, and sleeps
//! for good. Python 3.14 does that by itself. Other C libraries unwind nothing.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::cell::Cell;
    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::ptr::null_mut;
    use std::sync::OnceLock;

    /// `struct _pthread_cleanup_buffer`, as `pthread.h` has it since glibc 2.0.
    #[repr(C)]
    struct Buffer {
        routine: Option<unsafe extern "C" fn(*mut c_void)>,
        argument: *mut c_void,
        cancel_type: c_int,
        previous: *mut Buffer,
    }

    type Push = unsafe extern "C" fn(*mut Buffer, unsafe extern "C" fn(*mut c_void), *mut c_void);
    type IsFinalizing = unsafe extern "C" fn() -> c_int;

    unsafe extern "C" {
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }

    /// An address of the process, found by name: a wheel must not ask for the glibc that it was built on.
    fn address(name: &CStr) -> Option<usize> {
        // SAFETY: null asks for all libraries of the process; the name ends with a zero.
        let found = unsafe { dlsym(null_mut(), name.as_ptr()) };
        (!found.is_null()).then_some(found as usize)
    }

    /// Whether the interpreter is exiting; asked by threads that do not hold it.
    fn is_finalizing() -> bool {
        static FUNCTION: OnceLock<Option<usize>> = OnceLock::new();
        let found = FUNCTION.get_or_init(|| address(c"Py_IsFinalizing").or_else(|| address(c"_Py_IsFinalizing")));
        found.is_some_and(|function| {
            // SAFETY: CPython's function of this name takes nothing, gives an int, and may be called by any thread.
            let function = unsafe { std::mem::transmute::<usize, IsFinalizing>(function) };
            // SAFETY: as above.
            unsafe { function() != 0 }
        })
    }

    unsafe extern "C" fn handler(_argument: *mut c_void) {
        // Somebody else's pthread_exit goes its way.
        if is_finalizing() {
            simul_wake::gate::park_forever();
        }
    }

    thread_local! {
        static WATCHED: Cell<bool> = const { Cell::new(false) };
    }

    #[inline]
    pub(super) fn watch() {
        if !WATCHED.replace(true) {
            push();
        }
    }

    #[cold]
    fn push() {
        static FUNCTION: OnceLock<Option<usize>> = OnceLock::new();
        // Known before it is needed: a thread that is being ended should look for nothing.
        is_finalizing();
        let Some(function) = *FUNCTION.get_or_init(|| address(c"_pthread_cleanup_push")) else { return };
        // Not on the stack: a handler whose buffer lies outside of the thread's stack is called at the first step of the
        // unwinding. Never freed: the thread's list names it until its end, 32 bytes a thread.
        let buffer = Box::into_raw(Box::new(Buffer {
            routine: None,
            argument: null_mut(),
            cancel_type: 0,
            previous: null_mut(),
        }));
        // SAFETY: glibc's function of this name takes these; it fills the buffer in and puts it on this thread's list.
        let push = unsafe { std::mem::transmute::<usize, Push>(function) };
        // SAFETY: as above; the buffer lives for ever.
        unsafe { push(buffer, handler, null_mut()) };
    }
}

/// Lets this thread sleep, instead of aborting the process, if it comes back when the interpreter has gone. Called by
/// whatever is about to run Python code under a compiled frame; once a thread it costs something.
#[inline]
pub(crate) fn watch() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::watch();
}
