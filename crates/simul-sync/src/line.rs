//! Who waits, first come, first served.

use simul_core::Error;
use simul_wake::{Core, Wake};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// A line of waiters. Those who leave are skipped when their turn comes, and swept out when they are many.
///
/// `G` is what they wait for; `T` is what the primitive wants to know of each (who it is, how much it asks for).
pub struct Line<G, T = ()> {
    waiting: VecDeque<(Arc<Core<G>>, T)>,
    gone: usize,
}

impl<G, T> Default for Line<G, T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), gone: 0 }
    }
}

impl<G: Send> Line<G> {
    /// Takes the last place.
    pub fn join(&mut self) -> Arc<Core<G>> {
        self.join_as(())
    }
}

impl<G: Send, T> Line<G, T> {
    /// Takes the last place, as somebody.
    pub fn join_as(&mut self, who: T) -> Arc<Core<G>> {
        let core = Arc::new(Core::default());
        self.waiting.push_back((core.clone(), who));
        core
    }

    /// Gives `grant` to the first live waiter, who no longer stands here.
    ///
    /// # Errors
    /// The grant, if nobody waits.
    pub fn grant(&mut self, grant: G) -> Result<Wake, G> {
        self.grant_to(grant).map(|(wake, _)| wake)
    }

    /// As [`grant`](Self::grant), and tells who got it.
    ///
    /// # Errors
    /// The grant, if nobody waits.
    pub fn grant_to(&mut self, mut grant: G) -> Result<(Wake, T), G> {
        while let Some((first, who)) = self.waiting.pop_front() {
            match first.settle_quietly(Ok(grant)) {
                Ok(wake) => return Ok((wake, who)),
                // It has left; what comes back is what was offered.
                Err(Ok(back)) => grant = back,
                Err(Err(_)) => unreachable!("an offer that is refused comes back as it was"),
            }
            self.gone = self.gone.saturating_sub(1);
        }
        Err(grant)
    }

    /// Fails the first live waiter.
    ///
    /// # Returns
    /// What wakes it; None if nobody waits.
    pub fn fail(&mut self, mut error: Error) -> Option<Wake> {
        while let Some((first, _)) = self.waiting.pop_front() {
            match first.settle_quietly(Err(error)) {
                Ok(wake) => return Some(wake),
                Err(Err(back)) => error = back,
                Err(Ok(_)) => unreachable!("an offer that is refused comes back as it was"),
            }
            self.gone = self.gone.saturating_sub(1);
        }
        None
    }

    /// Hears that one of those who stand here has left.
    pub fn left(&mut self) {
        self.gone += 1;
        // Thousands may give up while one holds on: sweeping now and then keeps each of them cheap.
        if self.gone > 32 && self.gone * 2 > self.waiting.len() {
            self.waiting.retain(|(core, _)| !core.header().is_done());
            self.gone = 0;
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.iter().filter(|(core, _)| !core.header().is_done()).count()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.iter().all(|(core, _)| core.header().is_done())
    }
}

impl<G, T> fmt::Debug for Line<G, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("places", &self.waiting.len()).finish_non_exhaustive()
    }
}
