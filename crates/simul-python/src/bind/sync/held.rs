//! `with` and `async with`, once for all that is acquired and released: the class that `Lock`, `RLock` and `Semaphore`
//! derive from (PyO3 takes no generic class).

use super::operation::Operation;
use super::ready::{Ready, ready};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

/// Something that is acquired and released: what its calls and its entry keep of it.
pub(crate) trait Hold: Send + Sync {
    /// Takes it if it is free.
    fn take_now(&self, py: Python<'_>) -> PyResult<bool>;

    /// The call that waits for it, and returns None.
    fn take_later(&self) -> Operation;

    /// Gives it up.
    fn let_go(&self, py: Python<'_>) -> PyResult<()>;
}

/// Awaits to None, any number of times; each await takes it once. It is the same one for every `async with`, so that
/// one which need not wait makes nothing.
#[pyclass(frozen, module = "simul._simul", name = "_Entry")]
pub(crate) struct Entry(Box<dyn Hold>);

#[pymethods]
impl Entry {
    /// It acts when it is awaited, as a coroutine does, and hands over to a call where there is something to wait for.
    fn __await__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if self.0.take_now(py)? {
            return Ok(ready(py)?.into_any());
        }
        Ok(Py::new(py, self.0.take_later())?.into_any())
    }
}

/// What can be held.
#[pyclass(frozen, weakref, subclass, module = "simul._simul", name = "_Held")]
pub(crate) struct Held {
    /// Made when it is first entered, by `hold`.
    entry: PyOnceLock<Py<Entry>>,
    hold: fn(&Bound<'_, Self>) -> PyResult<Box<dyn Hold>>,
    /// What it is, to people.
    noun: &'static str,
    /// Whether it is of a class of the user's, whose `acquire` and `release` may be its own.
    derived: bool,
}

impl Held {
    /// What all of a class share.
    ///
    /// # Args
    /// `class`: as `__new__` got it; `own`: the class of ours.
    pub(crate) fn new(
        class: &Bound<'_, PyType>,
        own: &Bound<'_, PyType>,
        noun: &'static str,
        hold: fn(&Bound<'_, Self>) -> PyResult<Box<dyn Hold>>,
    ) -> Self {
        Self { entry: PyOnceLock::new(), hold, noun, derived: !class.is(own) }
    }

    fn entry<'a, 'py>(slf: &'a Bound<'py, Self>) -> PyResult<&'a Bound<'py, Entry>> {
        let py = slf.py();
        let this = slf.get();
        let entry = this.entry.get_or_try_init(py, || Py::new(py, Entry((this.hold)(slf)?)))?;
        Ok(entry.bind(py))
    }

    fn let_go(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        match slf.get().derived {
            true => slf.call_method0(intern!(py, "release")).map(drop),
            false => Self::entry(slf)?.get().0.let_go(py),
        }
    }
}

#[pymethods]
impl Held {
    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        match slf.get().derived {
            true => slf.call_method0(intern!(slf.py(), "acquire")),
            false => Ok(Self::entry(slf)?.clone().into_any()),
        }
    }

    #[pyo3(signature = (_class=None, _raised=None, _traceback=None))]
    fn __aexit__(
        slf: &Bound<'_, Self>,
        _class: Option<&Bound<'_, PyAny>>,
        _raised: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Ready>> {
        Self::let_go(slf)?;
        ready(slf.py())
    }

    fn __enter__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        if slf.get().derived {
            let call = slf.call_method0(intern!(py, "acquire"))?;
            return call.call_method0(intern!(py, "wait")).map(drop);
        }
        let hold = &Self::entry(slf)?.get().0;
        match hold.take_now(py)? {
            true => Ok(()),
            false => Operation::wait(&Bound::new(py, hold.take_later())?, None).map(drop),
        }
    }

    #[pyo3(signature = (_class=None, _raised=None, _traceback=None))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        _class: Option<&Bound<'_, PyAny>>,
        _raised: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        Self::let_go(slf)
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (name, noun) = (slf.get_type().name()?, slf.get().noun);
        Err(PyTypeError::new_err(format!("{name} objects cannot be pickled or copied: a copy would be another {noun}")))
    }
}

/// Refuses arguments where there is nobody to take them: a class that derives from ours may have an `__init__` that does.
///
/// # Errors
/// TypeError, as of `object()`.
pub(crate) fn no_arguments(
    class: &Bound<'_, PyType>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<()> {
    let py = class.py();
    if args.is_empty() && kwargs.is_none_or(|kwargs| kwargs.is_empty()) {
        return Ok(());
    }
    let init = intern!(py, "__init__");
    if class.getattr(init)?.is(&py.get_type::<PyAny>().getattr(init)?) {
        return Err(PyTypeError::new_err(format!("{}() takes no arguments", class.name()?)));
    }
    Ok(())
}
