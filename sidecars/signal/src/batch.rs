//! Requests that wait, which of them are answered together, and which are not answered with a score.
//!
//! The queue policy, in this order, each time a batch is taken:
//! 1. A request whose deadline has passed is answered as expired: nobody can use its score.
//! 2. Up to the batch limit everything that waits is answered, oldest first. If more waits, a newer
//!    request of the same peer and instrument replaces the older one, which is answered as shed.
//! 3. What still does not fit waits for the next batch, at most [`QueuePolicy::max_queue`]; the
//!    oldest beyond that are shed.
//!
//! A batch is due at once, or, where [`QueuePolicy::batch_timeout_ns`] allows a wait, when it is
//! full, when its oldest request has waited that long, or when waiting on would cost a request its
//! deadline. Must never: drop a request without an answer, or read a clock (moments come from the
//! caller). Serving thread; allocates only until its vectors have grown.

use ipc::Token;
use std::collections::BTreeSet;
use wire::InstrumentId;
use wire::frame::FrameHeader;
use wire::signal::InputWindow;

/// How requests queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Most requests in one batch, from 1.
    pub max_batch: usize,
    /// Most requests that wait across batches.
    pub max_queue: usize,
    /// Longest wait for a batch to fill, nanoseconds; 0 runs what is there.
    pub batch_timeout_ns: u64,
}

impl QueuePolicy {
    /// Most requests that wait across batches, where nobody says otherwise.
    pub const MAX_QUEUE: usize = 1024;

    /// Batches of at most `max_batch`, run as soon as anything is there.
    #[must_use]
    pub const fn at_once(max_batch: usize) -> Self {
        Self { max_batch, max_queue: Self::MAX_QUEUE, batch_timeout_ns: 0 }
    }
}

/// One request that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Who asked.
    pub peer: Token,
    /// Header of the request: instrument, venue and strategy are answered back.
    pub header: FrameHeader,
    /// Number of the request.
    pub request_id: u64,
    /// The model's input.
    pub window: InputWindow,
    /// When it came, nanoseconds of the monotonic clock.
    pub since_ns: u64,
    /// From when its score is of no use, nanoseconds of the monotonic clock; 0 for never.
    pub expires_ns: u64,
}

impl Waiting {
    fn key(&self) -> (Token, InstrumentId) {
        (self.peer, self.header.instrument_id)
    }

    fn is_expired(&self, now_ns: u64) -> bool {
        self.expires_ns != 0 && self.expires_ns <= now_ns
    }
}

/// What leaves the queue together: each request of it is answered.
#[derive(Debug, Default)]
pub struct Taken {
    /// To be run.
    pub batch: Vec<Waiting>,
    /// Not to be run: newer ones waited, or too many.
    pub shed: Vec<Waiting>,
    /// Not to be run: too late.
    pub expired: Vec<Waiting>,
}

/// The requests that wait.
#[derive(Debug)]
pub struct Batcher {
    policy: QueuePolicy,
    waiting: Vec<Waiting>,
}

impl Default for Batcher {
    fn default() -> Self {
        Self::new(QueuePolicy::at_once(1))
    }
}

impl Batcher {
    /// An empty queue under a policy.
    #[must_use]
    pub fn new(policy: QueuePolicy) -> Self {
        Self { policy, waiting: Vec::new() }
    }

    /// One more.
    pub fn push(&mut self, request: Waiting) {
        self.waiting.push(request);
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets the requests of a peer that is gone.
    pub fn forget(&mut self, peer: Token) {
        self.waiting.retain(|w| w.peer != peer);
    }

    /// Nanoseconds until a batch is due, 0 where one is; `None` while nothing waits.
    #[must_use]
    pub fn due_in_ns(&self, now_ns: u64) -> Option<u64> {
        let full_ns = self.waiting.first()?.since_ns.saturating_add(self.policy.batch_timeout_ns);
        let cannot_wait = |w: &Waiting| w.expires_ns != 0 && w.expires_ns <= full_ns;
        if self.waiting.len() >= self.policy.max_batch || self.waiting.iter().any(cannot_wait) {
            return Some(0);
        }
        Some(full_ns.saturating_sub(now_ns))
    }

    /// Moves the next batch, and what is not to be run, into `taken`.
    pub fn take(&mut self, now_ns: u64, taken: &mut Taken) {
        taken.expired.extend(self.waiting.extract_if(.., |w| w.is_expired(now_ns)));
        let QueuePolicy { max_batch, max_queue, .. } = self.policy;
        if self.waiting.len() > max_batch {
            self.shed_overtaken(&mut taken.shed);
        }
        let fits = self.waiting.len().min(max_batch);
        taken.batch.extend(self.waiting.drain(..fits));
        let beyond = self.waiting.len().saturating_sub(max_queue);
        taken.shed.extend(self.waiting.drain(..beyond));
    }

    /// Keeps the newest request of each peer and instrument, in order of arrival.
    fn shed_overtaken(&mut self, shed: &mut Vec<Waiting>) {
        let mut newest = BTreeSet::new();
        let mut overtaken: Vec<bool> =
            self.waiting.iter().rev().map(|w| !newest.insert(w.key())).collect();
        shed.extend(self.waiting.extract_if(.., |_| overtaken.pop().unwrap_or(false)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::signal::SignalRequest;

    const QUEUE: usize = 64;

    fn batcher(max_batch: usize, batch_timeout_ns: u64) -> Batcher {
        Batcher::new(QueuePolicy { max_batch, max_queue: QUEUE, batch_timeout_ns })
    }

    fn request(peer: u64, instrument: u32, request_id: u64) -> Waiting {
        let mut header = FrameHeader::new::<SignalRequest>();
        header.instrument_id = InstrumentId(instrument);
        let peer = Token::from_raw(peer);
        Waiting { peer, header, request_id, window: [0; 400], since_ns: 0, expires_ns: 0 }
    }

    /// Ids of what is run, shed, expired.
    fn take_at(batcher: &mut Batcher, now_ns: u64) -> [Vec<u64>; 3] {
        let mut taken = Taken::default();
        batcher.take(now_ns, &mut taken);
        [taken.batch, taken.shed, taken.expired].map(|w| w.iter().map(|w| w.request_id).collect())
    }

    fn take(batcher: &mut Batcher) -> (Vec<u64>, Vec<u64>) {
        let [batch, shed, expired] = take_at(batcher, u64::MAX);
        assert!(expired.is_empty(), "without a deadline nothing expires");
        (batch, shed)
    }

    #[test]
    fn up_to_the_limit_everything_is_answered_in_order() {
        let mut batcher = batcher(3, 0);
        for id in 1..=3 {
            batcher.push(request(1, 0, id));
        }
        assert_eq!(take(&mut batcher), (vec![1, 2, 3], vec![]));
        assert!(batcher.is_empty());
    }

    #[test]
    fn beyond_the_limit_the_newest_of_each_instrument_and_peer_wins() {
        let mut batcher = batcher(5, 0);
        for (peer, instrument, id) in
            [(1, 0, 1), (1, 1, 2), (1, 0, 3), (2, 0, 4), (1, 1, 5), (1, 0, 6)]
        {
            batcher.push(request(peer, instrument, id));
        }
        assert_eq!(take(&mut batcher), (vec![4, 5, 6], vec![1, 2, 3]));
    }

    #[test]
    fn other_instruments_wait_for_the_next_batch() {
        let mut batcher = batcher(2, 0);
        for id in 0..5 {
            batcher.push(request(1, u32::try_from(id).unwrap(), id));
        }
        assert_eq!(take(&mut batcher), (vec![0, 1], vec![]));
        assert_eq!(take(&mut batcher), (vec![2, 3], vec![]));
        assert_eq!(batcher.len(), 1);
    }

    #[test]
    fn what_waits_is_bounded_and_nothing_is_lost_without_an_answer() {
        for (more, shed) in [(4, 0), (5, 1), (10, 6)] {
            let mut batcher = batcher(4, 0);
            for id in 0..u32::try_from(QUEUE).unwrap() + more {
                batcher.push(request(1, id, id.into()));
            }
            let (batch, gone) = take(&mut batcher);
            let left = QUEUE + usize::try_from(more).unwrap() - 4 - shed;
            assert_eq!((batch.len(), gone.len(), batcher.len()), (4, shed, left));
        }
    }

    #[test]
    fn a_peer_that_is_gone_is_forgotten() {
        let mut batcher = batcher(4, 0);
        batcher.push(request(1, 0, 1));
        batcher.push(request(2, 0, 2));
        batcher.forget(Token::from_raw(1));
        assert_eq!(take(&mut batcher), (vec![2], vec![]));
    }

    #[test]
    fn late_work_is_dropped_exactly_from_its_deadline_on() {
        for (now_ns, late) in [(99, false), (100, true), (101, true)] {
            let mut batcher = batcher(4, 0);
            batcher.push(Waiting { expires_ns: 100, ..request(1, 0, 1) });
            batcher.push(request(1, 1, 2));
            let run = if late { vec![2] } else { vec![1, 2] };
            assert_eq!(take_at(&mut batcher, now_ns), [run, vec![], vec![1; usize::from(late)]]);
        }
    }

    #[test]
    fn late_work_takes_no_place_in_a_batch_and_sheds_nobody() {
        let mut batcher = batcher(2, 0);
        for (id, expires_ns) in [(1, 10), (2, 0), (3, 10), (4, 0)] {
            let instrument = u32::try_from(id % 2).unwrap();
            batcher.push(Waiting { expires_ns, ..request(1, instrument, id) });
        }
        assert_eq!(take_at(&mut batcher, 10), [vec![2, 4], vec![], vec![1, 3]]);
    }

    #[test]
    fn without_a_timeout_what_is_there_is_due_at_once() {
        let mut batcher = batcher(4, 0);
        assert_eq!(batcher.due_in_ns(7), None, "nothing waits");
        batcher.push(Waiting { since_ns: 7, ..request(1, 0, 1) });
        assert_eq!(batcher.due_in_ns(7), Some(0));
    }

    #[test]
    fn a_batch_waits_to_fill_but_no_longer_than_the_timeout_of_its_oldest() {
        let mut batcher = batcher(3, 50);
        batcher.push(Waiting { since_ns: 100, ..request(1, 0, 1) });
        batcher.push(Waiting { since_ns: 140, ..request(1, 1, 2) });
        assert_eq!(batcher.due_in_ns(100), Some(50));
        assert_eq!(batcher.due_in_ns(149), Some(1));
        assert_eq!(batcher.due_in_ns(150), Some(0));
        batcher.push(Waiting { since_ns: 141, ..request(1, 2, 3) });
        assert_eq!(batcher.due_in_ns(141), Some(0), "it is full");
    }

    #[test]
    fn no_wait_costs_a_request_its_deadline() {
        for (expires_ns, due_ns) in [(0, 50), (151, 50), (150, 0), (110, 0)] {
            let mut batcher = batcher(3, 50);
            batcher.push(Waiting { since_ns: 100, expires_ns, ..request(1, 0, 1) });
            assert_eq!(batcher.due_in_ns(100), Some(due_ns), "deadline {expires_ns}");
        }
    }
}
