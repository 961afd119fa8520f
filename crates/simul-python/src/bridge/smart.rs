//! The wrapper that `smartasync` makes: it looks at who calls and at what comes back.

use super::first_step::block_on;
use super::mode;
use super::switches::Switches;
use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

/// What a call of the function gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A coroutine, an async generator, a Job: something that async code takes as it is.
    Asynchronous,
    /// An async context manager, likewise.
    Managed,
    /// Whatever a plain function returns.
    Plain,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Asynchronous, Self::Managed, Self::Plain];

    const fn name(self) -> &'static str {
        match self {
            Self::Asynchronous => "asynchronous",
            Self::Managed => "managed",
            Self::Plain => "plain",
        }
    }
}

/// What the attribute of an instance or a class gives, where the function stands in a class.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Binding {
    Instance,
    Class,
    Static,
    /// The function is no callable but a descriptor, `functools.partialmethod` for one: what it gives is wrapped.
    Descriptor,
    /// As `Instance`, where the method is one that takes a class and that a `classmethod` may stand around: what that
    /// binds then asks for `sync` and `aio` here, and does not say for which class.
    Handed,
}

/// Awaitable by its type: a coroutine, a Job, a future, an object with `__await__`.
#[inline]
fn is_awaitable(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached; a type is alive as long as its instance, and the table of a type never changes its place.
    unsafe {
        let table = (*ffi::Py_TYPE(value.as_ptr())).tp_as_async;
        !table.is_null() && (*table).am_await.is_some()
    }
}

#[inline]
fn is_coroutine(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached, and the object is alive.
    unsafe { ffi::PyCoro_CheckExact(value.as_ptr()) != 0 }
}

/// What is written in Python, in `simul.bridge.adapt`.
fn adapt<'py>(py: Python<'py>, name: &Bound<'py, pyo3::types::PyString>) -> PyResult<Bound<'py, PyAny>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    MODULE.get_or_try_init(py, || py.import("simul.bridge.adapt").map(Bound::unbind))?.bind(py).getattr(name)
}

/// For plain code: the value itself, whatever it takes to get it.
#[inline]
fn resolve<'py>(
    value: Bound<'py, PyAny>,
    kind: Kind,
    running: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    if is_coroutine(&value) {
        return block_on(&value, running);
    }
    let py = value.py();
    if is_awaitable(&value) {
        return adapt(py, intern!(py, "wait_for"))?.call1((value,));
    }
    // An int, a str, None and so on have no async half: nothing more is looked for.
    // SAFETY: as in `is_awaitable`.
    let has_async_half = unsafe { !(*ffi::Py_TYPE(value.as_ptr())).tp_as_async.is_null() };
    if kind == Kind::Managed || has_async_half {
        return adapt(py, intern!(py, "in_plain_code"))?.call1((value, kind == Kind::Managed));
    }
    Ok(value)
}

/// A function for both kinds of callers.
///
/// Plain code gets the result; async code gets a coroutine. ``.sync(...)`` and ``.aio(...)`` say which one is meant.
#[pyclass(frozen, weakref, dict, generic, module = "simul.bridge")]
pub(crate) struct SmartAsync {
    function: Py<PyAny>,
    kind: Kind,
    binding: Binding,
}

impl SmartAsync {
    #[inline]
    fn call<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = args.py();
        let running = Switches::of(py)?.running(py)?;
        let function = self.function.bind(py);
        if !mode::is_async(py, running.as_ref())? {
            return resolve(function.call(args, kwargs)?, self.kind, running);
        }
        match self.kind {
            Kind::Plain => adapt(py, intern!(py, "offload"))?.call1((function, args, kwargs)),
            Kind::Managed => function.call(args, kwargs),
            Kind::Asynchronous => {
                let value = function.call(args, kwargs)?;
                match is_coroutine(&value) {
                    true => Ok(value),
                    false => adapt(py, intern!(py, "in_async_code"))?.call1((value,)),
                }
            }
        }
    }

    fn call_sync<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = args.py();
        resolve(self.function.bind(py).call(args, kwargs)?, self.kind, Switches::of(py)?.running(py)?)
    }
}

#[pymethods]
impl SmartAsync {
    #[new]
    fn new(function: Bound<'_, PyAny>, kind: &str, binding: &str) -> Self {
        Self {
            function: function.unbind(),
            kind: Kind::ALL.into_iter().find(|one| one.name() == kind).unwrap_or(Kind::Plain),
            binding: match binding {
                "instance" => Binding::Instance,
                "class" => Binding::Class,
                "descriptor" => Binding::Descriptor,
                "handed" => Binding::Handed,
                _ => Binding::Static,
            },
        }
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(args, kwargs)
    }

    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: Option<Bound<'py, PyAny>>,
        owner: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let bound = match (slf.get().binding, instance) {
            (Binding::Instance | Binding::Handed, Some(instance)) => instance,
            (Binding::Class, instance) => match (owner, instance) {
                (Some(owner), _) => owner,
                (None, Some(instance)) => instance.get_type().into_any(),
                (None, None) => return Ok(slf.clone().into_any()),
            },
            (Binding::Descriptor, instance) => {
                let py = slf.py();
                let smart = slf.get();
                return adapt(py, intern!(py, "described"))?.call1((
                    &smart.function,
                    smart.kind.name(),
                    instance,
                    owner,
                ));
            }
            _ => return Ok(slf.clone().into_any()),
        };
        let method = SmartMethod { function: slf.clone().unbind(), bound: bound.unbind() };
        Ok(Bound::new(slf.py(), method)?.into_any())
    }

    /// Call, and wait for the result, wherever this is.
    #[pyo3(signature = (*args, **kwargs))]
    fn sync<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if self.binding == Binding::Handed {
            adapt(args.py(), intern!(args.py(), "ask_for_a_class"))?.call1((&self.function, args))?;
        }
        self.call_sync(args, kwargs)
    }

    /// The function for async code: what a call of it gives is awaited, iterated or entered.
    #[getter]
    fn aio<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, smart) = (slf.py(), slf.get());
        let aio = adapt(py, intern!(py, "aio"))?.call1((&smart.function, smart.kind.name()))?;
        match smart.binding {
            Binding::Handed => adapt(py, intern!(py, "aio_with_a_class"))?.call1((aio,)),
            _ => Ok(aio),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        // By name, as functions are.
        slf.getattr(intern!(slf.py(), "__qualname__"))
    }

    /// What else the function offers: `cache_clear`, `register` and the like. What asks for private names asks whether
    /// this is a function of a certain kind, and it is not.
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        match name.starts_with('_') {
            true => Err(PyAttributeError::new_err(format!("this smartasync function has no attribute '{name}'"))),
            false => self.function.bind(py).getattr(name),
        }
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!("<smartasync {}>", slf.get().function.bind(slf.py()).repr()?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.function)
    }
}

// A [`SmartAsync`] of an instance or a class. No doc comment: it would hide the method's own.
#[pyclass(frozen, weakref, generic, module = "simul.bridge")]
pub(crate) struct SmartMethod {
    function: Py<SmartAsync>,
    bound: Py<PyAny>,
}

impl SmartMethod {
    fn with_self<'py>(&self, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyTuple>> {
        let py = args.py();
        match args.is_empty() {
            true => PyTuple::new(py, [self.bound.bind(py)]),
            false => PyTuple::new(py, [self.bound.bind(py).clone()].into_iter().chain(args.iter()).collect::<Vec<_>>()),
        }
    }
}

#[pymethods]
impl SmartMethod {
    /// As `types.MethodType`, which `weakref.WeakMethod` makes methods with.
    #[new]
    #[pyo3(signature = (function, instance, /), text_signature = None)]
    fn new(function: Py<SmartAsync>, instance: Py<PyAny>) -> Self {
        Self { function, bound: instance }
    }

    /// It is bound already; that it has this makes it a method to `inspect` and `help`.
    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        _instance: Option<Bound<'py, PyAny>>,
        _owner: Option<Bound<'py, PyAny>>,
    ) -> Bound<'py, Self> {
        slf.clone()
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.function.get().call(&self.with_self(args)?, kwargs)
    }

    /// Call, and wait for the result, wherever this is.
    #[pyo3(signature = (*args, **kwargs))]
    fn sync<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.function.get().call_sync(&self.with_self(args)?, kwargs)
    }

    /// The method for async code.
    #[getter]
    fn aio<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let smart = self.function.get();
        adapt(py, intern!(py, "bound_aio"))?.call1((&smart.function, smart.kind.name(), &self.bound))
    }

    #[getter]
    fn __self__(&self, py: Python<'_>) -> Py<PyAny> {
        self.bound.clone_ref(py)
    }

    #[getter]
    fn __func__(&self, py: Python<'_>) -> Py<SmartAsync> {
        self.function.clone_ref(py)
    }

    #[getter]
    fn __signature__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        adapt(py, intern!(py, "bound_signature"))?.call1((&self.function,))
    }

    /// `__name__`, `__doc__` and the like are the function's.
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        match name {
            // A method is not unwrapped: what is under it takes one argument more.
            "__wrapped__" => Err(PyAttributeError::new_err(name.to_owned())),
            name => self.function.bind(py).getattr(name),
        }
    }

    #[getter]
    fn __doc__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(py).getattr(intern!(py, "__doc__"))
    }

    #[getter]
    fn __module__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(py).getattr(intern!(py, "__module__"))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let Ok(other) = other.cast::<Self>() else { return false };
        self.function.is(&other.get().function) && self.bound.is(&other.get().bound)
    }

    fn __hash__(&self) -> isize {
        (self.function.as_ptr() as isize >> 4) ^ (self.bound.as_ptr() as isize)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let getattr = py.import("builtins")?.getattr("getattr")?;
        let name = self.function.bind(py).getattr(intern!(py, "__name__"))?;
        (getattr, (&self.bound, name)).into_pyobject(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!(
            "<smartasync {} of {}>",
            self.function.bind(py).getattr("__qualname__")?,
            self.bound.bind(py).repr()?
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.function)?;
        visit.call(&self.bound)
    }
}
