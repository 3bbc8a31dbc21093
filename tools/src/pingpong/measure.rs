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
    let mut pinger = Pinger {
        end,
        out: vec![0; size],
        back: vec![0; size],
        number: 0,
        lost: 0,
        lost_in_a_row: 0,
        owed: 0,
    };
    let most = plan.iterations.and_then(|n| usize::try_from(n).ok()).unwrap_or(MOST);
    let mut cycles = vec![0; most];
    for _ in 0..plan.warm_up {
        pinger.exchange()?;
    }
    let lost_before = pinger.lost;
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
    let lost = pinger.lost - lost_before;
    cycles.truncate(count);
    let rtt = Sample::of(cycles.into_iter().map(|cycles| clock.cycles_to_ns(cycles)).collect());
    Ok(Outcome { size, rtt, lost })
}

struct Pinger<'a> {
    end: &'a mut dyn End,
    out: Vec<u8>,
    back: Vec<u8>,
    number: u64,
    /// All of them, those before the measurement too.
    lost: u64,
    lost_in_a_row: u64,
    /// Lost ones whose answers may still come.
    owed: u64,
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
                Ok(()) if self.back == self.out => {
                    self.lost_in_a_row = 0;
                    return Ok(true);
                }
                // The answer to one that was given up.
                Ok(()) if self.owed > 0 && self.is_earlier() => self.owed -= 1,
                Ok(()) => {
                    return Err(io::Error::new(ErrorKind::InvalidData, "an answer is another's"));
                }
                Err(error) if error.kind() == ErrorKind::TimedOut && self.lost_in_a_row < LOST => {
                    self.lost += 1;
                    self.lost_in_a_row += 1;
                    self.owed += 1;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether what came back was sent before what is awaited.
    fn is_earlier(&self) -> bool {
        let bytes = self.back.len().min(8);
        let (Some((number, rest)), Some(sent)) =
            (self.back.split_at_checked(bytes), self.out.get(bytes..))
        else {
            return false;
        };
        let mut word = [0; 8];
        word.iter_mut().zip(number).for_each(|(to, from)| *to = *from);
        // A message of fewer than eight bytes carries the number's low ones.
        let mask = u64::MAX.checked_shr(64 - 8 * u32::try_from(bytes).unwrap_or(8)).unwrap_or(0);
        let ago = self.number.wrapping_sub(u64::from_le_bytes(word)) & mask;
        (1..self.number).contains(&ago) && rest == sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// What an end answers with: what was sent last, what was sent before, what nobody sent.
    #[derive(Clone, Copy)]
    enum Answer {
        Last,
        Before,
        Strange,
    }
    use Answer::{Before, Last, Strange};

    /// Answers by script, then with what was sent.
    struct Script {
        before: Vec<u8>,
        sent: Vec<u8>,
        answers: VecDeque<io::Result<Answer>>,
    }

    impl End for Script {
        fn send(&mut self, message: &[u8]) -> io::Result<()> {
            self.before = std::mem::replace(&mut self.sent, message.to_vec());
            Ok(())
        }

        fn recv(&mut self, buffer: &mut [u8]) -> io::Result<()> {
            match self.answers.pop_front() {
                Some(Ok(Last)) | None => buffer.copy_from_slice(&self.sent),
                Some(Ok(Before)) => buffer.copy_from_slice(&self.before),
                Some(Ok(Strange)) => buffer.fill(0xee),
                Some(Err(error)) => return Err(error),
            }
            Ok(())
        }
    }

    fn run(warm_up: u64, size: usize, answers: Vec<io::Result<Answer>>) -> io::Result<Outcome> {
        let plan = Plan { warm_up, iterations: Some(50), time_ns: 0, percentile: Percentile::P50 };
        let (before, sent) = (vec![0; size], vec![0; size]);
        let mut script = Script { before, sent, answers: answers.into() };
        ping(&mut script, size, &plan, &Clock::calibrate())
    }

    fn late() -> io::Result<Answer> {
        Err(ErrorKind::TimedOut.into())
    }

    #[test]
    fn a_lost_message_is_counted_and_is_no_sample() {
        for size in [1, 7, 8, 16] {
            let outcome = run(0, size, vec![Ok(Last), late(), Ok(Before), Ok(Last)]).unwrap();
            assert_eq!(
                (outcome.rtt.len(), outcome.lost),
                (50, 1),
                "the late answer is passed over"
            );
        }
        let broken = run(0, 16, (0..=LOST).map(|_| late()).collect()).unwrap_err();
        assert_eq!(broken.kind(), ErrorKind::TimedOut);
        let scattered = (0..=LOST).flat_map(|_| [late(), Ok(Last)]).collect();
        assert_eq!(run(0, 16, scattered).unwrap().lost, LOST + 1, "not in a row");
    }

    #[test]
    fn what_was_lost_before_the_measurement_is_passed_over_and_not_counted() {
        let outcome = run(1, 16, vec![late(), Ok(Before), Ok(Last)]).unwrap();
        assert_eq!((outcome.rtt.len(), outcome.lost), (50, 0));
    }

    #[test]
    fn an_answer_that_was_not_sent_is_an_error() {
        for answers in [
            vec![Ok(Last), Ok(Strange)],
            vec![Ok(Last), Ok(Before)],
            vec![late(), Ok(Strange)],
            // One was lost, so one may come late.
            vec![Ok(Last), late(), Ok(Before), Ok(Before)],
        ] {
            let error = run(0, 16, answers).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
    }
}
