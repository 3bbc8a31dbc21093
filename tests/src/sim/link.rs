//! The line between the station's edge and a venue: two streams of bytes, first in, first out, each
//! cut at any byte. What is whole before the cut arrives, the rest is lost; that the session is
//! down is noticed later, and what is sent until then is lost as well.

use super::cover::Fault;
use super::dice::Dice;
use super::plan::{Faults, Plan};
use super::venue::Said;
use std::collections::VecDeque;
use wire::frame::HEADER_BYTES;

const MS: u64 = 1_000_000;

/// How the session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Both ways.
    Up,
    /// Cut, and the station does not know it yet.
    Cut { notice_ns: u64, back_ns: u64 },
    /// Down, and known to be.
    Down { back_ns: u64 },
}

/// What the station hears of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It is down.
    Down,
    /// It is up again.
    Up,
}

/// The line.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) state: State,
    to_venue: VecDeque<(u64, Said)>,
    to_station: VecDeque<(u64, Said)>,
    latency_ns: u64,
    dice: Dice,
}

impl Link {
    pub(crate) fn new(plan: &Plan, venue: usize) -> Self {
        Self {
            state: State::Down { back_ns: 0 },
            to_venue: VecDeque::new(),
            to_station: VecDeque::new(),
            latency_ns: plan.latency_ns,
            dice: Dice::of(plan.seed, 300 + venue as u64),
        }
    }

    /// The station sends something; without a session it is lost.
    pub(crate) fn send(&mut self, said: Said, now: u64, faults: &mut Faults) {
        if self.state == State::Up {
            let due = self.due(now, true);
            self.to_venue.push_back((due, said));
        } else {
            faults.cover.fault(Fault::LostOnTheWay);
        }
    }

    /// The venue says something; without a session nobody hears it.
    pub(crate) fn say(&mut self, said: Said, now: u64) {
        if self.state == State::Up {
            let due = self.due(now, false);
            self.to_station.push_back((due, said));
        }
    }

    fn due(&mut self, now: u64, is_out: bool) -> u64 {
        let due = now + self.dice.around(self.latency_ns);
        let queue = if is_out { &self.to_venue } else { &self.to_station };
        queue.back().map_or(due, |(last, _)| due.max(*last))
    }

    /// The next request that has arrived at the venue.
    pub(crate) fn at_venue(&mut self, now: u64) -> Option<Said> {
        let is_due = self.to_venue.front().is_some_and(|(due, _)| *due <= now);
        if is_due { self.to_venue.pop_front().map(|(_, said)| said) } else { None }
    }

    /// Whether a message has arrived at the station.
    pub(crate) fn has_arrived(&self, now: u64) -> bool {
        self.to_station.front().is_some_and(|(due, _)| *due <= now)
    }

    /// The next message that has arrived at the station.
    pub(crate) fn at_station(&mut self, now: u64) -> Option<Said> {
        if self.has_arrived(now) { self.to_station.pop_front().map(|(_, said)| said) } else { None }
    }

    /// Requests on their way to the venue.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Said> {
        self.to_venue.iter().map(|(_, said)| said)
    }

    /// Cuts the session where a fault says so; whether it did.
    pub(crate) fn may_cut(&mut self, now: u64, faults: &mut Faults) -> bool {
        if self.state != State::Up {
            return false;
        }
        let cut = [Fault::CutBetween, Fault::CutInHead, Fault::CutInBody]
            .into_iter()
            .find(|f| faults.strikes(*f));
        let Some(cut) = cut else { return false };
        Self::cut_stream(&mut self.to_venue, cut, &mut self.dice);
        Self::cut_stream(&mut self.to_station, cut, &mut self.dice);
        let notice_ns = now + self.dice.around(4 * self.latency_ns);
        let back_ns = notice_ns + self.dice.span(1, 3_000) * MS;
        self.state = State::Cut { notice_ns, back_ns };
        true
    }

    /// Loses a stream's bytes from some place on: what is not whole before it is no message.
    fn cut_stream(stream: &mut VecDeque<(u64, Said)>, cut: Fault, dice: &mut Dice) {
        if stream.is_empty() {
            return;
        }
        let (from, len) = (dice.index(stream.len()), stream.len());
        let bytes: usize = stream.iter().take(from).map(|(_, s)| s.bytes().len()).sum();
        let torn = stream.get(from).map_or(0, |(_, s)| s.bytes().len());
        let into = if cut == Fault::CutInHead {
            1 + dice.index(HEADER_BYTES - 1)
        } else if cut == Fault::CutInBody && torn > HEADER_BYTES {
            HEADER_BYTES + dice.index(torn - HEADER_BYTES)
        } else {
            0
        };
        // Reads as a receiver would: message by message, as long as the bytes reach.
        let (mut arrived, mut left) = (0, bytes + into);
        while arrived < len {
            let size = stream.get(arrived).map_or(0, |(_, s)| s.bytes().len());
            if size > left {
                break;
            }
            left -= size;
            arrived += 1;
        }
        stream.truncate(arrived);
    }

    /// The station's process ended: nothing on its way reaches anybody, the session is down.
    pub(crate) fn drop_session(&mut self, now: u64) {
        // Requests that left the host arrive; the venue's words do not.
        let from = self.dice.index(self.to_venue.len() + 1);
        self.to_venue.truncate(from);
        self.to_station.clear();
        self.state = State::Down { back_ns: now + self.dice.span(1, 500) * MS };
    }

    /// The session comes up at once where it is down.
    pub(crate) fn heal(&mut self, now: u64) {
        match &mut self.state {
            State::Up => {}
            State::Cut { notice_ns, back_ns } => (*notice_ns, *back_ns) = (now, now + MS),
            State::Down { back_ns } => *back_ns = now,
        }
    }

    /// What the station hears of the session by now.
    pub(crate) fn news(&mut self, now: u64) -> Option<News> {
        match self.state {
            State::Cut { notice_ns, back_ns } if notice_ns <= now && !self.has_arrived(now) => {
                self.to_venue.clear();
                self.to_station.clear();
                self.state = State::Down { back_ns };
                Some(News::Down)
            }
            // What left before the end arrives before the next session begins.
            State::Down { back_ns } if back_ns <= now && self.to_venue.is_empty() => {
                self.to_station.clear();
                self.state = State::Up;
                Some(News::Up)
            }
            State::Up | State::Cut { .. } | State::Down { .. } => None,
        }
    }
}
