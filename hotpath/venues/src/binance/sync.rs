//! Continuity of one instrument's depth stream against its REST snapshot.
//!
//! The rules are Binance's. Spot: a difference continues the book at `last` if
//! `U <= last + 1 <= u`, both after a snapshot and later; `u <= last` is old. Futures: the first
//! after a snapshot must have `U <= lastUpdateId <= u` (`u < lastUpdateId` is old), each later one
//! `pu == last` (`u <= last` is old). Anything else is a gap: the book is unusable until the next
//! snapshot, and differences are kept until it comes.
//!
//! Must never: let a difference through that does not continue the book. Runs on the edge; the
//! store of kept differences is bounded and keeps its memory.

use wire::TsNs;
use wire::market::Level;

/// Most differences kept while a snapshot is awaited.
pub(super) const MAX_PENDING: usize = 4096;
/// Most levels kept while a snapshot is awaited.
pub(super) const MAX_PENDING_LEVELS: usize = 1 << 20;

/// What a feed knows of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookState {
    /// Unusable: a snapshot must be fetched; differences are kept meanwhile.
    NeedsSnapshot,
    /// Stands at a snapshot, no difference after it yet.
    AtSnapshot {
        /// The snapshot's `lastUpdateId`.
        last_update_id: u64,
    },
    /// Follows the stream.
    Synced {
        /// The last difference's `u`.
        last_update_id: u64,
    },
}

/// The update numbers of one difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) prev: u64,
}

/// What to do with a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Apply,
    /// Already in the book.
    Stale,
    /// Keep it until the snapshot comes.
    Keep,
    /// Say so, and keep it.
    Gap {
        expected: u64,
        received: u64,
    },
}

/// The state machine of one book.
#[derive(Clone, Debug)]
pub(super) struct Sync {
    futures: bool,
    state: BookState,
}

impl Sync {
    pub(super) fn new(futures: bool) -> Self {
        Self { futures, state: BookState::NeedsSnapshot }
    }

    pub(super) fn state(&self) -> BookState {
        self.state
    }

    /// Continuity is lost. The update number that was due, if the book was usable.
    pub(super) fn lose(&mut self) -> Option<u64> {
        let due = match self.state {
            BookState::NeedsSnapshot => None,
            BookState::AtSnapshot { last_update_id } | BookState::Synced { last_update_id } => {
                Some(if self.futures { last_update_id } else { last_update_id.saturating_add(1) })
            }
        };
        self.state = BookState::NeedsSnapshot;
        due
    }

    #[inline]
    pub(super) fn depth(&mut self, ids: Ids) -> Verdict {
        let verdict = match self.state {
            BookState::NeedsSnapshot => return Verdict::Keep,
            BookState::AtSnapshot { last_update_id } => self.first(last_update_id, ids),
            BookState::Synced { last_update_id } => self.next(last_update_id, ids),
        };
        match verdict {
            Verdict::Apply => self.state = BookState::Synced { last_update_id: ids.last },
            Verdict::Gap { .. } => self.state = BookState::NeedsSnapshot,
            Verdict::Stale | Verdict::Keep => {}
        }
        verdict
    }

    /// Takes a snapshot, unless the book is further already or the first kept difference that is
    /// not old does not continue it (then the snapshot is too old: fetch another).
    pub(super) fn snapshot(&mut self, last: u64, kept: impl Iterator<Item = Ids>) -> bool {
        match self.state {
            BookState::Synced { last_update_id } | BookState::AtSnapshot { last_update_id }
                if last <= last_update_id =>
            {
                return false;
            }
            BookState::Synced { .. } | BookState::AtSnapshot { .. } => {}
            BookState::NeedsSnapshot => {
                let mut verdicts = kept.map(|ids| self.first(last, ids));
                let first = verdicts.find(|verdict| *verdict != Verdict::Stale);
                if matches!(first, Some(Verdict::Gap { .. })) {
                    return false;
                }
            }
        }
        self.state = BookState::AtSnapshot { last_update_id: last };
        true
    }

    fn first(&self, snapshot: u64, ids: Ids) -> Verdict {
        if !self.futures {
            return self.next(snapshot, ids);
        }
        if ids.last < snapshot {
            Verdict::Stale
        } else if ids.first <= snapshot {
            Verdict::Apply
        } else {
            Verdict::Gap { expected: snapshot, received: ids.first }
        }
    }

    #[inline]
    fn next(&self, last: u64, ids: Ids) -> Verdict {
        if ids.last <= last {
            Verdict::Stale
        } else if self.futures {
            if ids.prev == last {
                Verdict::Apply
            } else {
                Verdict::Gap { expected: last, received: ids.prev }
            }
        } else if ids.first <= last + 1 {
            Verdict::Apply
        } else {
            Verdict::Gap { expected: last + 1, received: ids.first }
        }
    }
}

/// One kept difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) ids: Ids,
    pub(super) ts_event_ns: TsNs,
    pub(super) bids: usize,
    pub(super) levels: usize,
}

/// Differences kept until a snapshot comes, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    pub(super) kept: Vec<Kept>,
    pub(super) levels: Vec<Level>,
}

impl Pending {
    /// Keeps one. Full: everything kept so far is let go first (a snapshot so late would not
    /// reach back to it anyway); how many that were.
    pub(super) fn keep(&mut self, kept: Kept, bids: &[Level], asks: &[Level]) -> u64 {
        let full =
            self.kept.len() >= MAX_PENDING || self.levels.len() + kept.levels > MAX_PENDING_LEVELS;
        let dropped = if full { self.kept.len() as u64 } else { 0 };
        if full {
            self.clear();
        }
        self.kept.push(kept);
        self.levels.extend_from_slice(bids);
        self.levels.extend_from_slice(asks);
        dropped
    }

    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.levels.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(first: u64, last: u64, prev: u64) -> Ids {
        Ids { first, last, prev }
    }

    fn at(futures: bool, snapshot: u64) -> Sync {
        let mut sync = Sync::new(futures);
        assert!(sync.snapshot(snapshot, std::iter::empty()));
        sync
    }

    #[test]
    fn spot_first_difference_at_below_and_above_its_limits() {
        // U <= L + 1 <= u with L = 100.
        for (first, last, want) in [
            (90, 99, Verdict::Stale),
            (90, 100, Verdict::Stale),
            (90, 101, Verdict::Apply),
            (101, 101, Verdict::Apply),
            (101, 110, Verdict::Apply),
            (102, 110, Verdict::Gap { expected: 101, received: 102 }),
        ] {
            assert_eq!(at(false, 100).depth(ids(first, last, 0)), want, "{first}..{last}");
        }
    }

    #[test]
    fn futures_first_difference_at_below_and_above_its_limits() {
        // U <= L <= u with L = 100; pu does not count yet.
        for (first, last, want) in [
            (90, 99, Verdict::Stale),
            (90, 100, Verdict::Apply),
            (100, 100, Verdict::Apply),
            (100, 110, Verdict::Apply),
            (101, 110, Verdict::Gap { expected: 100, received: 101 }),
        ] {
            assert_eq!(at(true, 100).depth(ids(first, last, 7)), want, "{first}..{last}");
        }
    }

    #[test]
    fn later_differences_continue_or_are_a_gap() {
        let mut spot = at(false, 100);
        assert_eq!(spot.depth(ids(99, 103, 0)), Verdict::Apply);
        assert_eq!(spot.depth(ids(104, 104, 0)), Verdict::Apply);
        assert_eq!(spot.depth(ids(104, 104, 0)), Verdict::Stale);
        assert_eq!(spot.depth(ids(103, 105, 0)), Verdict::Apply);
        assert_eq!(spot.depth(ids(107, 108, 0)), Verdict::Gap { expected: 106, received: 107 });
        assert_eq!(spot.state(), BookState::NeedsSnapshot);
        assert_eq!(spot.depth(ids(109, 110, 0)), Verdict::Keep);

        let mut futures = at(true, 100);
        assert_eq!(futures.depth(ids(95, 103, 94)), Verdict::Apply);
        assert_eq!(futures.depth(ids(120, 130, 103)), Verdict::Apply);
        assert_eq!(futures.depth(ids(95, 103, 94)), Verdict::Stale);
        let gap = Verdict::Gap { expected: 130, received: 131 };
        assert_eq!(futures.depth(ids(131, 140, 131)), gap);
        assert_eq!(futures.state(), BookState::NeedsSnapshot);
    }

    #[test]
    fn a_snapshot_older_than_what_is_kept_is_refused() {
        let kept = [ids(101, 105, 0), ids(106, 110, 0)];
        let mut sync = Sync::new(false);
        assert!(!sync.snapshot(99, kept.into_iter()));
        assert_eq!(sync.state(), BookState::NeedsSnapshot);
        assert!(sync.snapshot(100, kept.into_iter()));
        assert!(!sync.snapshot(100, std::iter::empty()), "no newer than the book");
        assert!(sync.snapshot(200, std::iter::empty()), "all that is kept is older");
        assert_eq!(sync.lose(), Some(201));
        assert_eq!(sync.lose(), None);
    }
}
