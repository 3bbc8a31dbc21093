//! The player: paces recorded frames by their recorded times, open loop.
//!
//! Owns: when each recorded frame is due. Must never: skip, reorder or change a frame, read a
//! clock (the caller passes its own), or wait for whoever takes the frames: a frame that is taken
//! late keeps the time it was intended for, so that latency counts from there. Runs on the edge
//! thread; allocates nothing.
//!
//! At full speed there is no schedule: each poll yields a frame and no intended time, so that no
//! latency can be computed from it. Back-pressure is the caller's: it polls when it has room.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use wire::{DecodeError, FrameKind, TsNs};

/// How fast recorded time runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// `num / den` recorded nanoseconds to each nanosecond of the wall.
    Ratio {
        /// Recorded nanoseconds.
        num: NonZeroU32,
        /// To so many of the wall.
        den: NonZeroU32,
    },
    /// As fast as the frames are taken.
    Max,
}

impl Speed {
    /// Recorded time as it was.
    pub const REAL_TIME: Self = Self::Ratio { num: NonZeroU32::MIN, den: NonZeroU32::MIN };

    /// `n` times as fast; `None` for 0.
    #[must_use]
    pub const fn times(n: u32) -> Option<Self> {
        match NonZeroU32::new(n) {
            Some(num) => Some(Self::Ratio { num, den: NonZeroU32::MIN }),
            None => None,
        }
    }
}

/// `max`, or the decimal number [`Speed::from_str`] reads back; a ratio finer than a thousandth is
/// cut there.
impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Ratio { num, den } => {
                let thousandths = u64::from(num.get()) * 1_000 / u64::from(den.get());
                write!(f, "{}.{:03}", thousandths / 1_000, thousandths % 1_000)
            }
        }
    }
}

/// A speed that is neither `max` nor a positive decimal number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("speed `{found}` is not `max` or a number such as 1, 8 or 0.5 (optional x, 3 decimals)")]
pub struct SpeedError {
    /// The text found.
    pub found: String,
}

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, SpeedError> {
        if text == "max" {
            return Ok(Self::Max);
        }
        parse_ratio(text.strip_suffix('x').unwrap_or(text))
            .ok_or_else(|| SpeedError { found: text.to_owned() })
    }
}

/// Plain decimal text with at most three decimals as a fraction of thousandths.
fn parse_ratio(number: &str) -> Option<Speed> {
    const DEN: u32 = 1_000;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > 3 {
        return None;
    }
    let thousandths = format!("{decimals:0<3}").parse::<u32>().ok()?;
    let num = whole.parse::<u32>().ok()?.checked_mul(DEN)?.checked_add(thousandths)?;
    Some(Speed::Ratio { num: NonZeroU32::new(num)?, den: NonZeroU32::new(DEN)? })
}

/// A frame whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due<'a> {
    /// The recorded frame, unchanged.
    pub frame: &'a [u8],
    /// When it was to be handed out, by the caller's wall clock; latency counts from here. `None`
    /// for the instrument table and at full speed.
    pub intended_wall_ns: Option<u64>,
    /// Number of the record, from 0.
    pub record: u64,
}

/// Why a recording cannot be played on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlayError {
    /// A record that is no frame.
    #[error("record {record} is not a frame")]
    Frame {
        /// Number of the record, from 0.
        record: u64,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// Receive time earlier than the record before.
    #[error("record {record}: receive time {found} is before {before} of the record before it")]
    TimeWentBack {
        /// Number of the record, from 0.
        record: u64,
        /// Receive time of the record before, nanoseconds since the epoch.
        before: u64,
        /// Receive time found.
        found: u64,
    },
    /// A record that is no instrument and has no receive time.
    #[error("record {record} has no receive time")]
    NoTime {
        /// Number of the record, from 0.
        record: u64,
    },
    /// An instrument after the first timed record.
    #[error("record {record}: instrument after the first event; the table must come first")]
    LateInstrument {
        /// Number of the record, from 0.
        record: u64,
    },
}

/// The next frame in line.
#[derive(Clone, Copy, Debug)]
struct Next<'a> {
    frame: &'a [u8],
    record: u64,
    /// None: an instrument, due at once.
    at: Option<TsNs>,
}

/// The origin of both clocks: the first timed frame at the first poll that reached it.
#[derive(Clone, Copy, Debug)]
struct Origin {
    wall_ns: u64,
    recorded: TsNs,
}

/// Hands out recorded frames when they are due; the module says the rules.
#[derive(Debug)]
pub struct Player<'a, I> {
    frames: I,
    speed: Speed,
    next: Result<Option<Next<'a>>, PlayError>,
    records: u64,
    origin: Option<Origin>,
    last_read: Option<TsNs>,
    last_out: Option<TsNs>,
}

impl<'a, I: Iterator<Item = &'a [u8]>> Player<'a, I> {
    /// A player at the first of `frames`; its clock starts with the first poll that meets a timed
    /// frame. The instrument table comes first and is due at once.
    pub fn new(frames: I, speed: Speed) -> Self {
        let mut player = Self {
            frames,
            speed,
            next: Ok(None),
            records: 0,
            origin: None,
            last_read: None,
            last_out: None,
        };
        player.next = player.read();
        player
    }

    /// The next frame if it is due at `now_wall_ns`; one frame a call, so call until `None`.
    ///
    /// # Errors
    /// A [`PlayError`] once its record is next in line; every record before it was handed out, and
    /// none after it will be.
    pub fn poll(&mut self, now_wall_ns: u64) -> Result<Option<Due<'a>>, PlayError> {
        let Some(next) = self.next? else {
            return Ok(None);
        };
        let Some(at) = next.at else {
            self.next = self.read();
            return Ok(Some(Due {
                frame: next.frame,
                intended_wall_ns: None,
                record: next.record,
            }));
        };
        let origin = *self.origin.get_or_insert(Origin { wall_ns: now_wall_ns, recorded: at });
        let intended_wall_ns = origin.wall_of(at, self.speed);
        if intended_wall_ns.is_some_and(|intended| intended > now_wall_ns) {
            return Ok(None);
        }
        self.last_out = Some(at);
        self.next = self.read();
        Ok(Some(Due { frame: next.frame, intended_wall_ns, record: next.record }))
    }

    /// When the next frame is due by the caller's wall clock: what an idle caller may wait for.
    /// `None` before the first poll, at full speed, and where nothing is left.
    #[must_use]
    pub fn next_wall_ns(&self) -> Option<u64> {
        let next = self.next.ok().flatten()?;
        self.origin?.wall_of(next.at?, self.speed)
    }

    /// The recorded time at `wall_ns`: what the engine and the simulated venue take for now.
    ///
    /// Never earlier than the last frame handed out and always before the next one, however late
    /// it is: time does not pass an event that has not been seen. At full speed it is the last
    /// frame's time. `None` before the first timed frame.
    #[must_use]
    pub fn recorded_now(&self, wall_ns: u64) -> Option<TsNs> {
        let (origin, last) = (self.origin?, self.last_out?);
        let Speed::Ratio { num, den } = self.speed else {
            return Some(last);
        };
        let passed = u128::from(wall_ns.saturating_sub(origin.wall_ns)) * u128::from(num.get())
            / u128::from(den.get());
        let mut now = origin.recorded.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX));
        if let Some(at) = self.next.ok().flatten().and_then(|next| next.at) {
            now = now.min(TsNs(at.get().saturating_sub(1)));
        }
        Some(now.max(last))
    }

    /// Whether every record was handed out.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.next, Ok(None))
    }

    /// Reads and checks the record after the one in line.
    fn read(&mut self) -> Result<Option<Next<'a>>, PlayError> {
        let Some(frame) = self.frames.next() else {
            return Ok(None);
        };
        let record = self.records;
        self.records += 1;
        let header =
            wire::frame::header(frame).map_err(|source| PlayError::Frame { record, source })?;
        if header.kind == FrameKind::Instrument.code() {
            return match self.last_read {
                None => Ok(Some(Next { frame, record, at: None })),
                Some(_) => Err(PlayError::LateInstrument { record }),
            };
        }
        let found = header.ts_recv_ns;
        if found == TsNs::UNDEF {
            return Err(PlayError::NoTime { record });
        }
        match self.last_read {
            Some(before) if found < before => {
                let (before, found) = (before.get(), found.get());
                Err(PlayError::TimeWentBack { record, before, found })
            }
            _ => {
                self.last_read = Some(found);
                Ok(Some(Next { frame, record, at: Some(found) }))
            }
        }
    }
}

impl Origin {
    /// When `at` is due by the wall clock, rounded up; `None` at full speed.
    fn wall_of(self, at: TsNs, speed: Speed) -> Option<u64> {
        let Speed::Ratio { num, den } = speed else {
            return None;
        };
        let (num, den) = (u128::from(num.get()), u128::from(den.get()));
        let ahead = (u128::from(at.since(self.recorded)) * den).div_ceil(num);
        Some(self.wall_ns.saturating_add(u64::try_from(ahead).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::FrameHeader;
    use wire::market::{Status, TradingStatus};

    /// A frame of words, so that its bytes are aligned as a recording's are.
    type Words = Vec<u64>;

    fn bytes(words: &Words) -> &[u8] {
        bytemuck::cast_slice(words)
    }

    fn event(recv_ns: u64) -> Words {
        let mut header = FrameHeader::new::<Status>();
        header.ts_recv_ns = TsNs(recv_ns);
        let status = Status { header, status: TradingStatus::Trading.code(), reserved: [0; 7] };
        bytemuck::cast_slice(bytemuck::bytes_of(&status)).to_vec()
    }

    fn instrument() -> Words {
        let mut words: Words = vec![0; 16];
        let header = FrameHeader::with_len(FrameKind::Instrument, 128);
        words[..5].copy_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(&header)));
        words
    }

    fn player<'a>(
        frames: &'a [Words],
        speed: &str,
    ) -> Player<'a, impl Iterator<Item = &'a [u8]> + use<'a>> {
        Player::new(frames.iter().map(bytes), speed.parse().expect("speed"))
    }

    #[test]
    fn frames_are_due_at_their_recorded_distance() {
        let frames = [instrument(), event(1_000), event(1_000), event(1_400)];
        let mut play = player(&frames, "1");
        assert_eq!(play.recorded_now(50), None);
        assert_eq!(play.next_wall_ns(), None);
        let due = play.poll(50).expect("good").expect("table is due at once");
        assert_eq!((due.record, due.intended_wall_ns), (0, None));
        // The clock starts here, not at the table.
        for record in 1..=2 {
            let due = play.poll(70).expect("good").expect("due");
            assert_eq!((due.record, due.intended_wall_ns), (record, Some(70)));
        }
        assert_eq!(play.next_wall_ns(), Some(470));
        assert_eq!(play.poll(469), Ok(None));
        assert!(!play.is_finished());
        let due = play.poll(470).expect("good").expect("due");
        assert_eq!(due.frame, bytes(&frames[3]));
        assert!(play.is_finished());
        assert_eq!(play.poll(u64::MAX), Ok(None));
    }

    #[test]
    fn a_late_taker_gets_every_frame_and_the_time_it_was_meant_for() {
        let frames = [event(0), event(100), event(200), event(300)];
        let mut play = player(&frames, "1");
        assert!(play.poll(1_000).expect("good").is_some());
        let mut intended = Vec::new();
        while let Some(due) = play.poll(1_250).expect("good") {
            intended.push((due.record, due.intended_wall_ns));
        }
        assert_eq!(intended, [(1, Some(1_100)), (2, Some(1_200))]);
    }

    #[test]
    fn speeds_scale_and_round_up() {
        // (speed, recorded distance, wall distance)
        for (speed, recorded, wall) in
            [("8", 800, 100), ("8x", 801, 101), ("0.5", 100, 200), ("1.5", 300, 200), ("3", 1, 1)]
        {
            let frames = [event(5_000), event(5_000 + recorded)];
            let mut play = player(&frames, speed);
            assert!(play.poll(10).expect("good").is_some());
            assert_eq!(play.next_wall_ns(), Some(10 + wall), "{speed}");
            assert_eq!(play.poll(10 + wall - 1), Ok(None), "{speed}");
            assert!(play.poll(10 + wall).expect("good").is_some(), "{speed}");
            assert!(play.recorded_now(10 + wall) >= Some(TsNs(5_000 + recorded)), "{speed}");
        }
    }

    #[test]
    fn full_speed_gives_every_frame_and_no_schedule() {
        let frames = [event(0), event(u64::MAX / 2), event(u64::MAX - 1)];
        let mut play = player(&frames, "max");
        for record in 0..3 {
            let due = play.poll(7).expect("good").expect("due");
            assert_eq!((due.record, due.intended_wall_ns), (record, None));
        }
        assert_eq!(play.recorded_now(9), Some(TsNs(u64::MAX - 1)));
        assert!(play.is_finished());
    }

    #[test]
    fn recorded_time_never_passes_a_frame_not_handed_out() {
        let frames = [event(1_000), event(1_100), event(1_100), event(1_500)];
        let mut play = player(&frames, "2");
        assert!(play.poll(0).expect("good").is_some());
        assert_eq!(play.recorded_now(0), Some(TsNs(1_000)));
        assert_eq!(play.recorded_now(49), Some(TsNs(1_098)));
        assert_eq!(play.recorded_now(400), Some(TsNs(1_099)), "1100 was not handed out");
        assert!(play.poll(400).expect("good").is_some());
        assert_eq!(play.recorded_now(400), Some(TsNs(1_100)), "nor was the second of the two");
        assert!(play.poll(400).expect("good").is_some());
        assert_eq!(play.recorded_now(100), Some(TsNs(1_200)));
        assert!(play.poll(400).expect("good").is_some());
        assert_eq!(play.recorded_now(400), Some(TsNs(1_800)), "runs on after the last frame");
    }

    #[test]
    fn damage_is_named_by_its_record_after_all_before_it_were_handed_out() {
        let cut = event(5)[..3].to_vec();
        let cases = [
            (event(4), PlayError::TimeWentBack { record: 2, before: 5, found: 4 }),
            (event(u64::MAX), PlayError::NoTime { record: 2 }),
            (instrument(), PlayError::LateInstrument { record: 2 }),
            (cut, PlayError::Frame { record: 2, source: DecodeError::Truncated }),
        ];
        for (bad, error) in cases {
            let frames = [instrument(), event(5), bad, event(9)];
            let mut play = player(&frames, "max");
            assert_eq!(play.poll(0).expect("good").map(|due| due.record), Some(0));
            assert_eq!(play.poll(0).expect("good").map(|due| due.record), Some(1));
            assert_eq!(play.poll(0), Err(error));
            assert_eq!(play.poll(0), Err(error), "and it stays an error");
            assert!(!play.is_finished());
        }
    }

    #[test]
    fn speeds_are_numbers_or_max() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        for (text, num, den) in [("1", 1, 1), ("8x", 8, 1), ("0.25", 1, 4), ("2.50x", 5, 2)] {
            let Ok(Speed::Ratio { num: n, den: d }) = text.parse() else { panic!("{text}") };
            assert_eq!(u64::from(n.get()) * den, u64::from(d.get()) * num, "{text}");
        }
        for bad in ["", "x", "0", "0.0", "-1", "+1", "1.", ".5", "1.2345", "1e3", "4294968", "MAX"]
        {
            assert!(bad.parse::<Speed>().is_err(), "{bad}");
        }
        assert!("4294967".parse::<Speed>().is_ok());
        assert_eq!(Speed::times(0), None);
        assert_eq!(Speed::times(1), Some(Speed::REAL_TIME));
    }
}
