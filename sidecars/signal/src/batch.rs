//! Requests that wait, and which of them are answered together.
//!
//! Rule: up to the batch limit everything that waits is answered, oldest first. If more waits, a
//! newer request of the same peer and instrument replaces the older one, which is answered as shed;
//! what still does not fit waits for the next batch, at most [`WAITING_MAX`], the oldest beyond
//! that is shed. Must never: drop a request without an answer. Serving thread; allocates only until
//! its vectors have grown.

use ipc::Token;
use std::collections::BTreeSet;
use wire::InstrumentId;
use wire::frame::FrameHeader;
use wire::signal::InputWindow;

/// Most requests that wait across batches.
pub const WAITING_MAX: usize = 1024;

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
}

impl Waiting {
    fn key(&self) -> (Token, InstrumentId) {
        (self.peer, self.header.instrument_id)
    }
}

/// The requests that wait.
#[derive(Debug, Default)]
pub struct Batcher {
    waiting: Vec<Waiting>,
}

impl Batcher {
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

    /// Moves the next batch, at most `limit`, into `batch`, and what is shed into `shed`.
    pub fn take(&mut self, limit: usize, batch: &mut Vec<Waiting>, shed: &mut Vec<Waiting>) {
        if self.waiting.len() > limit {
            self.shed_overtaken(shed);
        }
        let fits = self.waiting.len().min(limit);
        batch.extend(self.waiting.drain(..fits));
        let beyond = self.waiting.len().saturating_sub(WAITING_MAX);
        shed.extend(self.waiting.drain(..beyond));
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

    fn request(peer: u64, instrument: u32, request_id: u64) -> Waiting {
        let mut header = FrameHeader::new::<SignalRequest>();
        header.instrument_id = InstrumentId(instrument);
        Waiting { peer: Token::from_raw(peer), header, request_id, window: [0; 400] }
    }

    fn take(batcher: &mut Batcher, limit: usize) -> (Vec<u64>, Vec<u64>) {
        let (mut batch, mut shed) = (Vec::new(), Vec::new());
        batcher.take(limit, &mut batch, &mut shed);
        let ids = |w: &[Waiting]| w.iter().map(|w| w.request_id).collect();
        (ids(&batch), ids(&shed))
    }

    #[test]
    fn up_to_the_limit_everything_is_answered_in_order() {
        let mut batcher = Batcher::default();
        for id in 1..=3 {
            batcher.push(request(1, 0, id));
        }
        assert_eq!(take(&mut batcher, 3), (vec![1, 2, 3], vec![]));
        assert!(batcher.is_empty());
    }

    #[test]
    fn beyond_the_limit_the_newest_of_each_instrument_and_peer_wins() {
        let mut batcher = Batcher::default();
        for (peer, instrument, id) in
            [(1, 0, 1), (1, 1, 2), (1, 0, 3), (2, 0, 4), (1, 1, 5), (1, 0, 6)]
        {
            batcher.push(request(peer, instrument, id));
        }
        assert_eq!(take(&mut batcher, 5), (vec![4, 5, 6], vec![1, 2, 3]));
    }

    #[test]
    fn other_instruments_wait_for_the_next_batch() {
        let mut batcher = Batcher::default();
        for id in 0..5 {
            batcher.push(request(1, u32::try_from(id).unwrap(), id));
        }
        assert_eq!(take(&mut batcher, 2), (vec![0, 1], vec![]));
        assert_eq!(take(&mut batcher, 2), (vec![2, 3], vec![]));
        assert_eq!(batcher.len(), 1);
    }

    #[test]
    fn what_waits_is_bounded_and_nothing_is_lost_without_an_answer() {
        let mut batcher = Batcher::default();
        let all = u32::try_from(WAITING_MAX).unwrap() + 10;
        for id in 0..all {
            batcher.push(request(1, id, id.into()));
        }
        let (batch, shed) = take(&mut batcher, 4);
        assert_eq!((batch.len(), shed.len(), batcher.len()), (4, 6, WAITING_MAX));
    }

    #[test]
    fn a_peer_that_is_gone_is_forgotten() {
        let mut batcher = Batcher::default();
        batcher.push(request(1, 0, 1));
        batcher.push(request(2, 0, 2));
        batcher.forget(Token::from_raw(1));
        assert_eq!(take(&mut batcher, 4), (vec![2], vec![]));
    }
}
