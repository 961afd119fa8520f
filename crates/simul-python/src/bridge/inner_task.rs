//! A task that begins at once: its first step runs inside of the step of the task that makes it.
//!
//! As an eager task of Python 3.12 does, on any version: the task is real from its first instruction on, so that what it
//! begins (`asyncio.timeout`, say) finds its own task as the current one. The loop's `call_soon` is replaced, as an
//! attribute of that one loop, for the moment in which the task is made.

use super::switches::Switches;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::{Mutex, PoisonError};

struct Step {
    function: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

impl Step {
    fn words<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let words = PyDict::new(py);
        words.set_item(intern!(py, "context"), &self.context)?;
        Ok(words)
    }
}

/// Keeps the first thing that is scheduled.
#[pyclass(frozen, module = "simul._simul", name = "_Kept")]
struct Kept {
    step: Mutex<Option<Step>>,
    call_soon: Py<PyAny>,
}

#[pymethods]
impl Kept {
    #[pyo3(signature = (callback, *args, context=None))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        callback: Py<PyAny>,
        args: &Bound<'py, PyTuple>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let step = Step { function: callback, context };
        let step = {
            let mut kept = self.step.lock().unwrap_or_else(PoisonError::into_inner);
            match kept.is_none() && args.is_empty() {
                true => {
                    *kept = Some(step);
                    return Ok(py.None().into_bound(py));
                }
                false => step,
            }
        };
        let whole = [step.function.clone_ref(py).into_bound(py)].into_iter().chain(args.iter()).collect::<Vec<_>>();
        self.call_soon.bind(py).call(PyTuple::new(py, whole)?, Some(&step.words(py)?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.call_soon)
    }
}

/// Make a task of the running loop and take its first step here and now.
///
/// Where the loop has a task factory, or cannot be given an attribute, the task begins in the next turn.
#[pyfunction]
#[pyo3(name = "_begin_task")]
fn begin<'py>(
    event_loop: &Bound<'py, PyAny>,
    coroutine: &Bound<'py, PyAny>,
    name: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = event_loop.py();
    let switches = Switches::of(py)?;
    let call_soon = intern!(py, "call_soon");
    let scheduled = || event_loop.call_method1(intern!(py, "create_task"), (coroutine,));
    match event_loop.call_method0(intern!(py, "get_task_factory")) {
        Ok(factory) if factory.is_none() => {}
        _ => return scheduled(),
    }
    let Ok(attributes) = event_loop.getattr(intern!(py, "__dict__")) else { return scheduled() };
    let before = attributes.cast::<PyDict>()?.get_item(call_soon)?;
    let own = event_loop.getattr(call_soon)?;
    let kept = Bound::new(py, Kept { step: Mutex::new(None), call_soon: own.clone().unbind() })?;
    event_loop.setattr(call_soon, &kept)?;
    let words = PyDict::new(py);
    let made = words
        .set_item(intern!(py, "loop"), event_loop)
        .and_then(|()| words.set_item(intern!(py, "name"), name))
        .and_then(|()| switches.task.bind(py).call((coroutine,), Some(&words)));
    match before {
        Some(before) => event_loop.setattr(call_soon, before)?,
        None => event_loop.delattr(call_soon)?,
    }
    let step = kept.get().step.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(step) = step else { return made };
    let is_ours = match (&made, step.function.bind(py).getattr_opt(intern!(py, "__self__"))?) {
        (Ok(task), Some(whose)) => whose.is(task),
        _ => false,
    };
    if !is_ours {
        // The collector ran code of others in between, which was first; then the task's own step went on to the loop.
        own.call((&step.function,), Some(&step.words(py)?))?;
        return made;
    }
    let task = made?;
    let outer = switches.current_task.bind(py).call1((event_loop,))?;
    if !outer.is_none() {
        switches.leave_task.bind(py).call1((event_loop, &outer))?;
    }
    let stepped = match &step.context {
        Some(context) => context.bind(py).call_method1(intern!(py, "run"), (&step.function,)),
        None => step.function.bind(py).call0(),
    };
    if !outer.is_none() {
        switches.enter_task.bind(py).call1((event_loop, &outer))?;
    }
    if let Err(error) = stepped {
        // What is not the task's alone, Ctrl-C for one: the task has it too, and need not complain that nobody asks.
        let _ = task.call_method0(intern!(py, "exception"));
        return Err(error);
    }
    Ok(task)
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(begin, module)?)
}
