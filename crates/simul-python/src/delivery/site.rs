//! The line of the user's code that made a Job, for the warning when it was forgotten.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// A place in a code object. The line is looked up when it is asked for: that walks the code's whole line table.
pub(crate) struct Site {
    code: Py<PyAny>,
    instruction: i32,
}

/// Frames of simul's own Python modules are not the user's.
fn is_ours(frame: &Bound<'_, PyAny>) -> bool {
    // SAFETY: `frame` is a frame object: it comes from PyEval_GetFrame or PyFrame_GetBack.
    let globals = unsafe {
        let globals = ffi::PyFrame_GetGlobals(frame.as_ptr().cast());
        Bound::from_owned_ptr_or_opt(frame.py(), globals)
    };
    let name = globals.and_then(|globals| globals.get_item(pyo3::intern!(frame.py(), "__name__")).ok());
    let Some(name) = name.and_then(|name| name.cast_into::<PyString>().ok()) else { return false };
    name.to_str().is_ok_and(|name| name == "simul" || name.starts_with("simul."))
}

impl Site {
    /// The innermost frame of this thread that is not simul's own; None when no Python code runs.
    pub(crate) fn of_caller(py: Python<'_>) -> Option<Self> {
        // SAFETY: attached; PyEval_GetFrame gives a borrowed frame or null, PyFrame_GetBack and PyFrame_GetCode give
        // new references.
        unsafe {
            let mut frame = Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast())?;
            while is_ours(&frame) {
                frame = Bound::from_owned_ptr_or_opt(py, ffi::PyFrame_GetBack(frame.as_ptr().cast()).cast())?;
            }
            let code = Bound::from_owned_ptr(py, ffi::PyFrame_GetCode(frame.as_ptr().cast()).cast());
            let instruction = ffi::PyFrame_GetLasti(frame.as_ptr().cast());
            Some(Self { code: code.unbind(), instruction })
        }
    }

    pub(crate) fn file<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        Ok(self.code.bind(py).getattr(pyo3::intern!(py, "co_filename"))?.cast_into::<PyString>()?)
    }

    pub(crate) fn line(&self, py: Python<'_>) -> i32 {
        // SAFETY: attached, and `code` came from PyFrame_GetCode.
        unsafe { ffi::PyCode_Addr2Line(self.code.bind(py).as_ptr().cast(), self.instruction) }
    }
}

impl Site {
    /// Issues a warning that names this line.
    pub(crate) fn warn(&self, py: Python<'_>, category: &Bound<'_, PyAny>, message: &str) -> PyResult<()> {
        py.import("warnings")?.call_method1("warn_explicit", (message, category, self.file(py)?, self.line(py)))?;
        Ok(())
    }
}
