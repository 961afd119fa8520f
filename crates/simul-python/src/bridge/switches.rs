//! asyncio's own functions and classes, looked up once. They are the C ones, which nobody can have replaced.

use super::generator_hooks::GeneratorHooks;
use super::own_context::OwnContext;
use crate::delivery::late;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

pub(crate) struct Switches {
    pub(crate) task: Py<PyAny>,
    pub(crate) task_name: Py<PyString>,
    pub(crate) own_context: Py<OwnContext>,
    pub(crate) current_task: Py<PyAny>,
    get_running_loop: Py<PyAny>,
    set_running_loop: Py<PyAny>,
    pub(crate) enter_task: Py<PyAny>,
    pub(crate) leave_task: Py<PyAny>,
    pub(crate) generator_hooks: GeneratorHooks,
    /// What is written in Python, in `simul.bridge`.
    pub(crate) thread_loop: Py<PyModule>,
}

impl Switches {
    #[inline]
    pub(crate) fn of(py: Python<'_>) -> PyResult<&Self> {
        static SWITCHES: PyOnceLock<Switches> = PyOnceLock::new();
        late::watch();
        SWITCHES.get_or_try_init(py, || Self::look_up(py))
    }

    fn look_up(py: Python<'_>) -> PyResult<Self> {
        let asyncio = py.import("asyncio")?;
        let source = match py.import("_asyncio") {
            Ok(compiled) => compiled,
            Err(_) => asyncio.getattr("tasks")?.cast_into::<PyModule>()?,
        };
        Ok(Self {
            task: source.getattr("Task")?.unbind(),
            task_name: PyString::intern(py, "simul bridge").unbind(),
            own_context: Py::new(py, OwnContext)?,
            current_task: asyncio.getattr("current_task")?.unbind(),
            get_running_loop: asyncio.getattr("_get_running_loop")?.unbind(),
            set_running_loop: asyncio.getattr("_set_running_loop")?.unbind(),
            enter_task: source.getattr("_enter_task")?.unbind(),
            leave_task: source.getattr("_leave_task")?.unbind(),
            generator_hooks: GeneratorHooks::look_up(py)?,
            thread_loop: py.import("simul.bridge.thread_loop")?.unbind(),
        })
    }

    /// The loop that runs on this thread.
    #[inline]
    pub(crate) fn running<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.get_running_loop.bind(py).call0()?;
        Ok((!found.is_none()).then_some(found))
    }

    /// Marks a loop as running on this thread; None: no loop runs.
    #[inline]
    pub(crate) fn set_running(&self, py: Python<'_>, event_loop: Option<&Py<PyAny>>) -> PyResult<()> {
        self.set_running_loop.bind(py).call1((event_loop,)).map(drop)
    }
}
