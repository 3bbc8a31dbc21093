//! The measurement: one end sends a numbered message, the other sends it back.
//!
//! Must never: allocate between two messages, or count a message that is not the one sent. Both
//! ends run on threads of their own, pinned where asked.

use super::end::End;
use crate::probes::{Percentile, Sample};
use clock::Clock;
use station::pin::{Pinned, pin_current};
use std::io::{self, ErrorKind};

/// Most round trips of one size that are kept.
pub const MOST: usize = 1_000_000;
/// Messages in a row that may be lost before the link is called broken.
const LOST: u64 = 20;

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Round trips before those that count.
    pub warm_up: u64,
    /// Exactly so many round trips; without it as many as fit in the time.
    pub iterations: Option<u64>,
    /// Nanoseconds; the percentile's samples are taken even where they take longer.
    pub time_ns: u64,
    /// The percentile of the table.
    pub percentile: Percentile,
}

/// The round trips of one size.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Bytes of a message.
    pub size: usize,
    /// Nanoseconds of each round trip.
    pub rtt: Sample,
    /// Messages that never came back.
    pub lost: u64,
}

/// CPUs of client and server; `None` leaves them to the scheduler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affinity {
    /// The end that measures.
    pub client: Option<usize>,
    /// The end that answers.
    pub server: Option<usize>,
}

/// Measures between two threads of this process.
///
/// # Errors
/// A refused CPU, or the link's error.
pub fn local(
    (mut client, mut server): super::local::Ends,
    size: usize,
    plan: &Plan,
    clock: &Clock,
    affinity: Affinity,
) -> io::Result<Outcome> {
    std::thread::scope(|scope| {
        let answering = scope.spawn(move || {
            pinned(affinity.server)?;
            echo(server.as_mut(), size)
        });
        let measuring = scope.spawn(move || {
            pinned(affinity.client)?;
            client.ready()?;
            ping(client.as_mut(), size, plan, clock)
        });
        let panicked = |_| io::Error::other("a measuring thread panicked");
        let outcome = measuring.join().map_err(panicked)?;
        answering.join().map_err(panicked)??;
        outcome
    })
}

/// Pins the calling thread where a CPU is named.
///
/// # Errors
/// The kernel's mask is another.
pub fn pinned(cpu: Option<usize>) -> io::Result<()> {
    match pin_current(cpu) {
        Pinned::Refused(cpu) => Err(io::Error::other(format!("cpu {cpu} refused"))),
        Pinned::To(_) | Pinned::NotAsked => Ok(()),
    }
}

/// Sends every message back until the peer closes.
///
/// # Errors
/// The link's.
pub fn echo(end: &mut dyn End, size: usize) -> io::Result<()> {
    end.ready()?;
    let mut message = vec![0; size];
    loop {
        match end.recv(&mut message) {
            Ok(()) => end.send(&message)?,
            Err(error) if is_end(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
}

/// Sends and waits for the answer, again and again.
///
/// # Errors
/// The link's; `TimedOut` where message after message is lost.
pub fn ping(end: &mut dyn End, size: usize, plan: &Plan, clock: &Clock) -> io::Result<Outcome> {
    let mut pinger = Pinger { end, out: vec![0; size], back: vec![0; size], number: 0, lost: 0 };
    let most = plan.iterations.and_then(|n| usize::try_from(n).ok()).unwrap_or(MOST);
    let mut cycles = vec![0; most];
    for _ in 0..plan.warm_up {
        pinger.exchange()?;
    }
    pinger.lost = 0;
    let time = clock.ns_to_cycles(plan.time_ns);
    let needed = usize::try_from(plan.percentile.needs()).unwrap_or(MOST);
    let begin = clock.cycles();
    let mut count = 0;
    while let Some(place) = cycles.get_mut(count) {
        let start = clock.cycles();
        if plan.iterations.is_none() && count >= needed && start.wrapping_sub(begin) > time {
            break;
        }
        if pinger.exchange()? {
            *place = clock.cycles().saturating_sub(start);
            count += 1;
        }
    }
    let lost = pinger.lost;
    cycles.truncate(count);
    let rtt = Sample::of(cycles.into_iter().map(|cycles| clock.cycles_to_ns(cycles)).collect());
    Ok(Outcome { size, rtt, lost })
}

struct Pinger<'a> {
    end: &'a mut dyn End,
    out: Vec<u8>,
    back: Vec<u8>,
    number: u64,
    lost: u64,
}

impl Pinger<'_> {
    /// One round trip; `false` where the message was lost.
    #[inline]
    fn exchange(&mut self) -> io::Result<bool> {
        self.number = self.number.wrapping_add(1);
        for (to, from) in self.out.iter_mut().zip(self.number.to_le_bytes()) {
            *to = from;
        }
        self.end.send(&self.out)?;
        loop {
            match self.end.recv(&mut self.back) {
                Ok(()) if self.back == self.out => return Ok(true),
                // The answer to one that was given up.
                Ok(()) if self.lost > 0 => {}
                Ok(()) => {
                    return Err(io::Error::new(ErrorKind::InvalidData, "an answer is another's"));
                }
                Err(error) if error.kind() == ErrorKind::TimedOut && self.lost < LOST => {
                    self.lost += 1;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Answers by script: `true` with what was sent, `false` with nothing.
    struct Script {
        sent: Vec<u8>,
        answers: VecDeque<io::Result<bool>>,
    }

    impl End for Script {
        fn send(&mut self, message: &[u8]) -> io::Result<()> {
            self.sent = message.to_vec();
            Ok(())
        }

        fn recv(&mut self, buffer: &mut [u8]) -> io::Result<()> {
            match self.answers.pop_front() {
                Some(Ok(true)) | None => buffer.copy_from_slice(&self.sent),
                Some(Ok(false)) => buffer.fill(0xee),
                Some(Err(error)) => return Err(error),
            }
            Ok(())
        }
    }

    fn run(answers: Vec<io::Result<bool>>) -> io::Result<Outcome> {
        let plan =
            Plan { warm_up: 0, iterations: Some(5), time_ns: 0, percentile: Percentile::P50 };
        let mut script = Script { sent: Vec::new(), answers: answers.into() };
        ping(&mut script, 16, &plan, &Clock::calibrate())
    }

    #[test]
    fn a_lost_message_is_counted_and_is_no_sample() {
        let late = || Err(ErrorKind::TimedOut.into());
        let outcome = run(vec![Ok(true), late(), Ok(false), Ok(true)]).unwrap();
        assert_eq!((outcome.rtt.len(), outcome.lost), (5, 1), "the late answer is passed over");
        let broken = run((0..=LOST).map(|_| late()).collect()).unwrap_err();
        assert_eq!(broken.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn an_answer_that_was_not_sent_is_an_error() {
        let error = run(vec![Ok(true), Ok(false)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
}
