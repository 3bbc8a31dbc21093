//! The levels of one side that lie outside the near window: sorted, in chunks of bounded size, so
//! that an insertion moves at most one chunk and one directory however many levels there are.
//!
//! Must never: allocate after construction, or drop a level without saying so. Runs on the order
//! loop. Keys are a side's own: a higher key is a better price.

/// Most levels in a chunk.
const CHUNK: usize = 64;
/// Neighbours that hold no more than this together are merged.
const MERGE: usize = CHUNK * 3 / 4;
/// Fewest levels two neighbours hold together: a split leaves `CHUNK / 2` beside at least one.
const PAIR_MIN: usize = CHUNK / 2 + 1;

/// The store had no room for a level; what it holds is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Clone, Copy, Debug)]
struct Chunk {
    keys: [i64; CHUNK],
    qtys: [i64; CHUNK],
}

/// A place in the store: index into the directory, index into the chunk.
#[derive(Clone, Copy, Debug)]
struct At {
    dir: usize,
    slot: usize,
}

/// A bounded sorted map from key to quantity.
#[derive(Debug)]
pub(super) struct Far {
    /// Lowest key of each chunk, ascending. The three directories run in parallel.
    lows: Vec<i64>,
    /// Levels in each chunk, 1 to `CHUNK`.
    lens: Vec<usize>,
    /// Where each chunk lies in `chunks`.
    ids: Vec<usize>,
    /// Chunks not in the directory.
    free: Vec<usize>,
    chunks: Box<[Chunk]>,
    len: usize,
    capacity: usize,
}

impl Far {
    /// A store for `capacity` levels.
    pub(super) fn new(capacity: usize) -> Self {
        // INVARIANT: neighbours hold at least PAIR_MIN levels together, so this many chunks hold
        // `capacity` levels in every arrangement.
        let count = 2 * capacity.div_ceil(PAIR_MIN) + 2;
        let empty = Chunk { keys: [0; CHUNK], qtys: [0; CHUNK] };
        Self {
            lows: emptied(super::touched(count, 0)),
            lens: emptied(super::touched(count, 0)),
            ids: emptied(super::touched(count, 0)),
            free: (0..count).collect(),
            chunks: super::touched(count, empty),
            len: 0,
            capacity,
        }
    }

    /// Levels in the store.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes every level out.
    pub(super) fn clear(&mut self) {
        self.free.append(&mut self.ids);
        self.lows.clear();
        self.lens.clear();
        self.len = 0;
    }

    /// Sets the quantity at a key, 0 removes the level.
    pub(super) fn set(&mut self, key: i64, qty: i64) -> Result<(), Full> {
        match (self.find(key), qty) {
            (Ok(at), 0) => self.remove(at),
            (Ok(at), _) => self.chunks[self.ids[at.dir]].qtys[at.slot] = qty,
            (Err(_), 0) => {}
            (Err(at), _) => return self.insert(at, key, qty),
        }
        Ok(())
    }

    /// The quantity at a key, 0 where there is none.
    pub(super) fn get(&self, key: i64) -> i64 {
        self.find(key).map_or(0, |at| self.chunks[self.ids[at.dir]].qtys[at.slot])
    }

    /// Adds a level above every other. The caller knows that it is.
    pub(super) fn push_last(&mut self, key: i64, qty: i64) -> Result<(), Full> {
        let dir = self.ids.len().saturating_sub(1);
        let slot = self.lens.last().copied().unwrap_or(0);
        self.insert(At { dir, slot }, key, qty)
    }

    /// The highest level, if there is one.
    pub(super) fn last(&self) -> Option<(i64, i64)> {
        let (id, len) = (*self.ids.last()?, *self.lens.last()?);
        let chunk = &self.chunks[id];
        Some((chunk.keys[len - 1], chunk.qtys[len - 1]))
    }

    /// The lowest level, if there is one.
    pub(super) fn first(&self) -> Option<(i64, i64)> {
        let chunk = &self.chunks[*self.ids.first()?];
        Some((chunk.keys[0], chunk.qtys[0]))
    }

    /// Takes the highest level out.
    pub(super) fn pop_last(&mut self) -> Option<(i64, i64)> {
        let last = self.last()?;
        let dir = self.ids.len() - 1;
        self.remove(At { dir, slot: self.lens[dir] - 1 });
        Some(last)
    }

    /// Every level, highest key first.
    pub(super) fn iter_down(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.ids.iter().zip(&self.lens).rev().flat_map(|(&id, &len)| {
            let chunk = &self.chunks[id];
            (0..len).rev().map(move |slot| (chunk.keys[slot], chunk.qtys[slot]))
        })
    }

    /// Where a key is (`Ok`) or belongs (`Err`).
    fn find(&self, key: i64) -> Result<At, At> {
        let dir = self.lows.partition_point(|&low| low <= key).saturating_sub(1);
        let Some((&id, &len)) = self.ids.get(dir).zip(self.lens.get(dir)) else {
            return Err(At { dir: 0, slot: 0 });
        };
        let keys = &self.chunks[id].keys[..len];
        let slot = keys.partition_point(|&k| k < key);
        let at = At { dir, slot };
        if keys.get(slot) == Some(&key) { Ok(at) } else { Err(at) }
    }

    fn insert(&mut self, at: At, key: i64, qty: i64) -> Result<(), Full> {
        if self.len >= self.capacity {
            return Err(Full);
        }
        let mut at = at;
        if self.ids.is_empty() {
            self.open_chunk(0, key)?;
        } else if self.lens[at.dir] == CHUNK {
            at = self.make_room(at, key)?;
        }
        let len = self.lens[at.dir];
        let chunk = &mut self.chunks[self.ids[at.dir]];
        chunk.keys.copy_within(at.slot..len, at.slot + 1);
        chunk.qtys.copy_within(at.slot..len, at.slot + 1);
        chunk.keys[at.slot] = key;
        chunk.qtys[at.slot] = qty;
        self.lows[at.dir] = chunk.keys[0];
        self.lens[at.dir] = len + 1;
        self.len += 1;
        Ok(())
    }

    /// Puts an empty chunk into the directory at `dir`.
    fn open_chunk(&mut self, dir: usize, low: i64) -> Result<usize, Full> {
        let id = self.free.pop().ok_or(Full)?;
        self.ids.insert(dir, id);
        self.lens.insert(dir, 0);
        self.lows.insert(dir, low);
        Ok(id)
    }

    /// Splits the full chunk at `at`; returns where the key belongs now. A key past the end of the
    /// last chunk opens the next one, so that levels arriving in order leave full chunks.
    fn make_room(&mut self, at: At, key: i64) -> Result<At, Full> {
        let upper = at.dir + 1;
        let upper_id = self.open_chunk(upper, key)?;
        if at.slot == CHUNK && upper == self.ids.len() - 1 {
            return Ok(At { dir: upper, slot: 0 });
        }
        let half = CHUNK / 2;
        let lower = self.chunks[self.ids[at.dir]];
        let chunk = &mut self.chunks[upper_id];
        chunk.keys[..half].copy_from_slice(&lower.keys[half..]);
        chunk.qtys[..half].copy_from_slice(&lower.qtys[half..]);
        self.lows[upper] = chunk.keys[0];
        self.lens[at.dir] = half;
        self.lens[upper] = half;
        if at.slot <= half { Ok(at) } else { Ok(At { dir: upper, slot: at.slot - half }) }
    }

    fn remove(&mut self, at: At) {
        let len = self.lens[at.dir] - 1;
        let chunk = &mut self.chunks[self.ids[at.dir]];
        chunk.keys.copy_within(at.slot + 1..=len, at.slot);
        chunk.qtys.copy_within(at.slot + 1..=len, at.slot);
        self.lows[at.dir] = chunk.keys[0];
        self.lens[at.dir] = len;
        self.len -= 1;
        if len == 0 {
            self.close_chunk(at.dir);
            return;
        }
        if at.dir + 1 < self.ids.len() && len + self.lens[at.dir + 1] <= MERGE {
            self.merge(at.dir);
        } else if at.dir > 0 && self.lens[at.dir - 1] + len <= MERGE {
            self.merge(at.dir - 1);
        }
    }

    /// Moves the chunk after `dir` into `dir`; both fit together.
    fn merge(&mut self, dir: usize) {
        let (lower_len, upper_len) = (self.lens[dir], self.lens[dir + 1]);
        let upper = self.chunks[self.ids[dir + 1]];
        let lower = &mut self.chunks[self.ids[dir]];
        let end = lower_len + upper_len;
        lower.keys[lower_len..end].copy_from_slice(&upper.keys[..upper_len]);
        lower.qtys[lower_len..end].copy_from_slice(&upper.qtys[..upper_len]);
        self.lens[dir] = end;
        self.close_chunk(dir + 1);
    }

    /// Takes the chunk at `dir` out of the directory.
    fn close_chunk(&mut self, dir: usize) {
        self.lows.remove(dir);
        self.lens.remove(dir);
        self.free.push(self.ids.remove(dir));
    }
}

/// The memory of a slice as an empty vector.
fn emptied<T>(slice: Box<[T]>) -> Vec<T> {
    let mut vec = slice.into_vec();
    vec.clear();
    vec
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn check(ours: &Far, oracle: &BTreeMap<i64, i64>) {
        assert_eq!(ours.len(), oracle.len());
        assert!(ours.iter_down().eq(oracle.iter().rev().map(|(&k, &q)| (k, q))));
        assert_eq!(ours.last(), oracle.iter().next_back().map(|(&k, &q)| (k, q)));
        for pair in ours.lens.windows(2) {
            assert!(pair[0] + pair[1] >= PAIR_MIN, "{pair:?}");
        }
    }

    #[test]
    fn agrees_with_an_ordered_map() {
        const CAPACITY: usize = 900;
        let mut ours = Far::new(CAPACITY);
        let mut oracle = BTreeMap::new();
        let mut seed = 7_u64;
        for step in 0..200_000_u32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            let key = i64::try_from((seed >> 33) % 2000).unwrap();
            // Grows and shrinks in turns, so that chunks split and merge again and again.
            let remove_share = if (step / 5000) % 2 == 0 { 3 } else { 12 };
            let qty = if (seed >> 20) % 16 < remove_share { 0 } else { i64::from(step) + 1 };
            let fits = oracle.len() < CAPACITY || oracle.contains_key(&key) || qty == 0;
            assert_eq!(ours.set(key, qty).is_ok(), fits);
            if fits {
                if qty == 0 {
                    oracle.remove(&key)
                } else {
                    oracle.insert(key, qty)
                };
            }
            assert_eq!(ours.get(key), oracle.get(&key).copied().unwrap_or(0));
            if step % 64 == 0 {
                check(&ours, &oracle);
            }
        }
    }

    #[test]
    fn is_filled_and_emptied_from_either_end() {
        let mut ours = Far::new(1000);
        let mut oracle = BTreeMap::new();
        for key in 0..500 {
            ours.push_last(key, key + 1).unwrap();
            ours.set(-key - 1, 3).unwrap();
            oracle.insert(key, key + 1);
            oracle.insert(-key - 1, 3);
        }
        check(&ours, &oracle);
        assert_eq!(ours.push_last(1000, 1), Err(Full));
        check(&ours, &oracle);
        while let Some(level) = ours.pop_last() {
            assert_eq!(oracle.pop_last(), Some(level));
        }
        check(&ours, &oracle);
        assert_eq!(ours.free.len(), ours.chunks.len());
        ours.push_last(5, 5).unwrap();
        ours.clear();
        check(&ours, &oracle);
    }

    #[test]
    fn thinned_out_chunks_merge_from_either_direction() {
        for downwards in [false, true] {
            let mut ours = Far::new(1000);
            let mut oracle = BTreeMap::new();
            for key in 0..1000 {
                ours.push_last(key, 1).unwrap();
                oracle.insert(key, 1);
            }
            for step in 0..1000 {
                let key = if downwards { 999 - step } else { step };
                if key % 20 != 0 {
                    ours.set(key, 0).unwrap();
                    oracle.remove(&key);
                }
                check(&ours, &oracle);
            }
        }
    }
}
