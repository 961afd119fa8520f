//! A loop's own table from slot to whoever sits there.

/// Names a place in a [`Slab`] and who sat there; a key outlives its entry and is then recognised as stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotKey {
    place: u32,
    /// Counts who has sat at this place, so that a late push does not wake the next one.
    turn: u32,
}

#[derive(Debug)]
struct Place<T> {
    turn: u32,
    entry: Option<T>,
}

/// Entries by key; places are reused, keys are not.
///
/// # Example
/// ```
/// use simul_wake::Slab;
/// let mut slab = Slab::default();
/// let first = slab.insert("a");
/// assert_eq!(slab.remove(first), Some("a"));
/// let second = slab.insert("b");
/// assert_eq!(slab.remove(first), None);
/// assert_eq!(slab.remove(second), Some("b"));
/// ```
#[derive(Debug)]
pub struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Adds an entry.
    pub fn insert(&mut self, entry: T) -> SlotKey {
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.places.push(Place { turn: 0, entry: None });
                u32::try_from(self.places.len() - 1).expect("four thousand million waiters do not fit in memory")
            }
        };
        let slot = &mut self.places[place as usize];
        slot.entry = Some(entry);
        SlotKey { place, turn: slot.turn }
    }

    /// Takes an entry out; `None` for a key whose entry has gone.
    pub fn remove(&mut self, key: SlotKey) -> Option<T> {
        let slot = self.places.get_mut(key.place as usize).filter(|slot| slot.turn == key.turn)?;
        let entry = slot.entry.take()?;
        slot.turn = slot.turn.wrapping_add(1);
        self.free.push(key.place);
        Some(entry)
    }

    /// Looks at an entry.
    pub fn get(&self, key: SlotKey) -> Option<&T> {
        self.places.get(key.place as usize).filter(|slot| slot.turn == key.turn)?.entry.as_ref()
    }

    /// Looks at an entry in order to change it.
    pub fn get_mut(&mut self, key: SlotKey) -> Option<&mut T> {
        self.places.get_mut(key.place as usize).filter(|slot| slot.turn == key.turn)?.entry.as_mut()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every entry.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|slot| slot.entry.as_ref())
    }

    /// Takes every entry out.
    pub fn take_all(&mut self) -> Vec<T> {
        self.free.clear();
        let mut taken = Vec::new();
        for (place, slot) in self.places.iter_mut().enumerate() {
            if let Some(entry) = slot.entry.take() {
                slot.turn = slot.turn.wrapping_add(1);
                taken.push(entry);
            }
            self.free.push(place as u32);
        }
        taken
    }
}
