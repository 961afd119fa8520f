//! Objects read in process: packs and loose files of the repository and its alternates, through one cache that all
//! workers share.
//!
//! A history read from new to old meets each version of a file twice (as "after", then as "before") and finds most
//! versions stored as a small delta against the one that it met before, so what was decoded is kept for a while.
//! Anything unexpected (absent, damaged, too large) is a [`Miss`]: git is asked instead, and git says what is wrong.

use super::delta;
use gix_hash::{ObjectId, oid};
use gix_object::Kind;
use gix_pack::data::entry::Header;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Larger objects are git's business: it streams them.
const LARGEST: usize = 32 << 20;
/// What the cache may hold, over all shards and both generations.
const CACHE_BYTES: usize = 48 << 20;
const SHARDS: usize = 16;
/// No sound pack has longer chains (git writes 50, at most 4095).
const LONGEST_CHAIN: usize = 5000;

/// A decoded object.
#[derive(Debug)]
pub(super) struct Object {
    pub kind: Kind,
    pub data: Vec<u8>,
    /// A tree whose entries were seen to be well formed and sorted.
    pub sound: AtomicBool,
}

/// Why an object cannot be had in process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Miss;

/// The object database.
pub(super) struct Objects {
    packs: Vec<Pack>,
    loose: Vec<gix_odb::loose::Store>,
    shards: Vec<Mutex<Shard>>,
}

struct Pack {
    index: gix_pack::index::File,
    data: gix_pack::data::File,
}

/// Where an object is stored, which names it for the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Packed(u32, u64),
    Loose(ObjectId),
}

/// Two generations: what was used since the last turn survives the next.
#[derive(Default)]
struct Shard {
    young: Generation,
    old: Generation,
    young_bytes: usize,
}

type Generation = HashMap<Place, Arc<Object>, BuildHasherDefault<PlaceHasher>>;

impl Objects {
    /// Opens all packs below `common_dir`; None when one of them cannot be read, which git may know how to handle.
    pub(super) fn open(common_dir: &Path, hash: gix_hash::Kind) -> Option<Self> {
        let own = common_dir.join("objects");
        let mut folders = gix_odb::alternate::resolve(own.clone(), common_dir).ok()?;
        folders.insert(0, own);
        let mut packs = Vec::new();
        for folder in &folders {
            for path in indexes(&folder.join("pack")) {
                let index = gix_pack::index::File::at(&path, hash).ok()?;
                let data = gix_pack::data::File::at(path.with_extension("pack"), hash).ok()?;
                packs.push(Pack { index, data });
            }
        }
        // The largest first: most objects are there.
        packs.sort_by_key(|pack| std::cmp::Reverse(pack.index.num_objects()));
        let loose = folders.into_iter().map(|folder| gix_odb::loose::Store::at(folder, hash)).collect();
        Some(Self { packs, loose, shards: (0..SHARDS).map(|_| Mutex::default()).collect() })
    }

    /// A reader for one thread.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { objects: self, inflate: gix_zlib::Inflate::default(), buffer: Vec::new(), chain: Vec::new() }
    }

    fn shard(&self, place: Place) -> &Mutex<Shard> {
        let mut hasher = PlaceHasher::default();
        std::hash::Hash::hash(&place, &mut hasher);
        &self.shards[usize::try_from(hasher.finish() >> 60).unwrap_or(0) % SHARDS]
    }

    fn cached(&self, place: Place) -> Option<Arc<Object>> {
        let mut shard = self.shard(place).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(object) = shard.young.get(&place) {
            return Some(object.clone());
        }
        let object = shard.old.remove(&place)?;
        shard.keep(place, object.clone());
        Some(object)
    }

    fn keep(&self, place: Place, object: &Arc<Object>) {
        self.shard(place).lock().unwrap_or_else(PoisonError::into_inner).keep(place, object.clone());
    }

    fn locate(&self, id: &oid) -> Option<(u32, u64)> {
        self.packs.iter().enumerate().find_map(|(number, pack)| {
            let entry = pack.index.lookup(id)?;
            Some((u32::try_from(number).ok()?, pack.index.pack_offset_at_index(entry)))
        })
    }
}

impl Shard {
    fn keep(&mut self, place: Place, object: Arc<Object>) {
        let bytes = object.data.len() + size_of::<Object>();
        if self.young_bytes + bytes > CACHE_BYTES / SHARDS / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(place, object).is_none() {
            self.young_bytes += bytes;
        }
    }
}

/// Reads objects for one thread.
pub(super) struct Reader<'a> {
    objects: &'a Objects,
    inflate: gix_zlib::Inflate,
    buffer: Vec<u8>,
    chain: Vec<(u64, gix_pack::data::Entry)>,
}

impl Reader<'_> {
    /// The object called `id`.
    pub(super) fn get(&mut self, id: &oid) -> Result<Arc<Object>, Miss> {
        match self.objects.locate(id) {
            Some((pack, offset)) => self.packed(pack, offset, 0),
            None => self.loose(id),
        }
    }

    fn loose(&mut self, id: &oid) -> Result<Arc<Object>, Miss> {
        let place = Place::Loose(id.to_owned());
        if let Some(object) = self.objects.cached(place) {
            return Ok(object);
        }
        for store in &self.objects.loose {
            match store.try_header(id) {
                Ok(Some((size, _))) if usize::try_from(size).is_ok_and(|size| size <= LARGEST) => {}
                Ok(None) => continue,
                _ => return Err(Miss),
            }
            let mut data = Vec::new();
            let kind = match store.try_find(id, &mut data) {
                Ok(Some(found)) => found.kind,
                _ => return Err(Miss),
            };
            return Ok(self.finish(place, kind, data));
        }
        Err(Miss)
    }

    fn packed(&mut self, number: u32, offset: u64, depth: usize) -> Result<Arc<Object>, Miss> {
        let pack = &self.objects.packs[number as usize];
        let mut chain = std::mem::take(&mut self.chain);
        chain.clear();
        let mut at = offset;
        let mut object = loop {
            if let Some(object) = self.objects.cached(Place::Packed(number, at)) {
                break object;
            }
            let entry = pack.data.entry(at).map_err(|_| Miss)?;
            let size = usize::try_from(entry.decompressed_size).map_err(|_| Miss)?;
            if size > LARGEST || chain.len() > LONGEST_CHAIN {
                return Err(Miss);
            }
            let base = match entry.header {
                Header::OfsDelta { base_distance } => entry.checked_base_pack_offset(base_distance).ok_or(Miss)?,
                Header::RefDelta { base_id } => match pack.index.lookup(base_id) {
                    Some(found) => pack.index.pack_offset_at_index(found),
                    None => return Err(Miss),
                },
                _ => {
                    let kind = entry.header.as_kind().ok_or(Miss)?;
                    let mut data = vec![0; size];
                    pack.data.decompress_entry(&entry, &mut self.inflate, &mut data).map_err(|_| Miss)?;
                    break self.finish(Place::Packed(number, at), kind, data);
                }
            };
            chain.push((at, entry));
            at = base;
        };
        debug_assert!(depth == 0);
        while let Some((at, entry)) = chain.pop() {
            let size = usize::try_from(entry.decompressed_size).map_err(|_| Miss)?;
            self.buffer.resize(size, 0);
            pack.data.decompress_entry(&entry, &mut self.inflate, &mut self.buffer).map_err(|_| Miss)?;
            let data = delta::apply(&object.data, &self.buffer, LARGEST).ok_or(Miss)?;
            object = self.finish(Place::Packed(number, at), object.kind, data);
        }
        self.chain = chain;
        Ok(object)
    }

    fn finish(&self, place: Place, kind: Kind, data: Vec<u8>) -> Arc<Object> {
        let object = Arc::new(Object { kind, data, sound: AtomicBool::new(false) });
        // A commit is met once and is hardly ever a base.
        if kind != Kind::Commit {
            self.objects.keep(place, &object);
        }
        object
    }
}

impl Object {
    /// Remembers that a check passed.
    pub(super) fn mark_sound(&self) {
        self.sound.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_sound(&self) -> bool {
        self.sound.load(Ordering::Relaxed)
    }
}

fn indexes(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .filter(|path| path.with_extension("pack").is_file())
        .collect()
}

/// Places are spread well by one multiplication; the standard hasher would cost more than the look-up.
#[derive(Default)]
struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
