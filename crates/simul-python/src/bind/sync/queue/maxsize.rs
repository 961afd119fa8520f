//! How many items a queue may hold.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A number, kept as it was given. asyncio takes any: `1.5` lets two in, and infinity is without limit.
#[derive(Clone, Copy, IntoPyObject)]
pub(super) enum Maxsize {
    Whole(isize),
    Real(f64),
}

impl Maxsize {
    pub(super) const NONE: Self = Self::Whole(0);

    /// 0 is without limit.
    pub(super) fn count(self) -> usize {
        match self {
            Self::Whole(count) => usize::try_from(count).unwrap_or(0),
            Self::Real(count) if count <= 0.0 || count.is_infinite() => 0,
            // A cast stops at the largest there is, which nobody reaches.
            Self::Real(count) => count.ceil() as usize,
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Maxsize {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match given.extract::<isize>() {
            Ok(count) => Ok(Self::Whole(count)),
            // Not whole, or larger than any memory.
            Err(error) => match given.extract::<f64>() {
                Ok(count) if count.is_nan() => Err(PyValueError::new_err("maxsize must be a number, not NaN")),
                Ok(count) => Ok(Self::Real(count)),
                Err(_) => Err(error),
            },
        }
    }
}
