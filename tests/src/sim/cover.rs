//! Coverage marks: what a run has seen happen. A simulation that never meets a fault proves nothing
//! about it, so each fault, denial, alarm and case of recovery is counted, and those that were not
//! met are named.

use engine::gate;
use wire::risk::AlarmCode;
use wire::station::Mode;

macro_rules! faults {
    ($( $name:ident = $text:literal, $rate:literal; )*) => {
        /// What can go wrong in a world. The number is how often of a million chances to, in a seed
        /// that has it at its ordinary rate.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub(crate) enum Fault { $( $name, )* }

        impl Fault {
            /// Every fault.
            pub(crate) const ALL: &[Self] = &[ $( Self::$name, )* ];
            const TEXT: &[&str] = &[ $( $text, )* ];
            const RATE: &[u32] = &[ $( $rate, )* ];
            /// How many there are.
            pub(crate) const COUNT: usize = Self::ALL.len();
        }
    };
}

faults! {
    FeedGap = "feed: message lost", 4_000;
    FeedDuplicate = "feed: message twice", 4_000;
    FeedReorder = "feed: message late", 3_000;
    FeedCrossed = "feed: book crossed", 60_000;
    FeedOneSided = "feed: one side empty", 20_000;
    FeedBurst = "feed: burst", 2_500;
    FeedSilence = "feed: silence", 1_000;
    FeedDown = "feed: session lost", 1_500;
    FeedRingFull = "feed: ring to the loop full", 1_500;
    FeedTornMessage = "feed: message of several frames torn", 800;
    FeedEventTime = "feed: venue time jumps", 3_000;
    FeedHalt = "feed: instrument halted", 900;
    FeedGarbage = "feed: bytes that are no frame", 60_000;
    FeedUnknown = "feed: instrument not in the table", 40_000;
    VenueReject = "venue: order rejected", 40_000;
    VenueStorm = "venue: reject storm", 6_000;
    VenueThrottle = "venue: throttled", 20_000;
    VenueHalt = "venue: halted", 4_000;
    VenueLateCancel = "venue: late cancel", 150_000;
    VenueCancels = "venue: cancels by itself", 3_000;
    VenueCancelReject = "venue: cancel refused", 60_000;
    VenueBust = "venue: fill taken back", 60_000;
    VenueOverfill = "venue: more filled than ordered", 15_000;
    VenueGhostFill = "venue: a fill told under two ids", 8_000;
    VenueExternal = "venue: order of somebody else", 1_500;
    VenuePendingNew = "venue: pending-new first", 30_000;
    FillBeforeAck = "venue: fill before ack", 60_000;
    FillAfterCancel = "venue: fill told after cancel", 100_000;
    LostAck = "line: ack lost", 30_000;
    LostFill = "line: fill lost", 25_000;
    LostReport = "line: other report lost", 12_000;
    DoubleAck = "line: ack twice", 20_000;
    DoubleFill = "line: fill twice", 20_000;
    DoubleReport = "line: other report twice", 8_000;
    CutBetween = "line: cut between messages", 6_000;
    CutInHead = "line: cut within a head", 6_000;
    CutInBody = "line: cut within a body", 6_000;
    CancelOnDisconnect = "line: venue cancels on disconnect", 500_000;
    LostOnTheWay = "line: request lost with the session", 0;
    EdgeStall = "edge: takes no orders, its ring fills", 250;
    RingFull = "loop: waits for the ring to the edge", 0;
    TapeWaits = "loop: waits for the tape", 0;
    WireLie = "edge: count of approvals wrong", 1_500;
    ModelSilent = "model: silent", 8_000;
    ModelSlow = "model: slow", 120_000;
    ModelWrong = "model: other model's hash", 15_000;
    ModelLiar = "model: answers what nobody asked", 30_000;
    ModelFlood = "model: flood", 8_000;
    ModelGarbage = "model: answer that is no frame", 15_000;
    ModelAbstain = "model: abstains", 30_000;
    ModelStuck = "model: same score again and again", 3_000;
    AdviceGood = "advice: tightens", 15_000;
    AdviceLoose = "advice: would loosen", 10_000;
    AdviceBad = "advice: source, number, life or field wrong", 10_000;
    AdviceFlood = "advice: flood", 4_000;
    ClockBack = "clock: steps back", 40_000;
    ClockForward = "clock: steps forward", 25_000;
    ClockOff = "clock: error large or unknown", 12_000;
    FigureMissing = "figures: rate, band, locate or value at risk odd", 20_000;
    AuditPressure = "figures: audit trail fills", 10_000;
    OperatorOdd = "operator: command out of place", 20_000;
    OperatorHalt = "operator: halt", 5_000;
    OperatorScope = "operator: halt of a venue, strategy or instrument", 8_000;
    OperatorTighten = "operator: tightens a limit", 10_000;
    OperatorLoosen = "operator: would loosen a limit", 8_000;
    OperatorEpoch = "operator: new limits file", 60_000;
    OperatorBadEpoch = "operator: limits file that cannot be", 40_000;
    OperatorDay = "operator: new trading day", 80_000;
    OperatorFlatten = "operator: flattens", 8_000;
    Kill = "crash: process killed", 80;
    PowerLoss = "crash: power lost", 70;
    KillInCall = "crash: killed in a call of the journal", 400;
    KillAtStart = "crash: killed as the journal begins", 20_000;
    RecoveryKilled = "crash: recovery itself cut short", 300_000;
    TapeFull = "tape: full, journal behind", 500;
    DiskSlow = "disk: slow", 2_000;
    DiskWriteError = "disk: write fails", 400;
    DiskShortWrite = "disk: short write", 8_000;
    DiskSyncError = "disk: sync fails", 800;
    DiskNoSpace = "disk: no space", 300;
}

impl Fault {
    /// Its name in the table.
    pub(crate) const fn text(self) -> &'static str {
        Self::TEXT[self as usize]
    }

    /// How often of a million chances, ordinarily.
    pub(crate) const fn rate(self) -> u32 {
        Self::RATE[self as usize]
    }
}

/// What was seen.
#[derive(Clone, Debug)]
pub(crate) struct Cover {
    /// Denials by check, every failed check of a denial counted.
    pub(crate) denied: [u64; gate::CHECKS.len()],
    /// Faults.
    pub(crate) faults: [u64; Fault::COUNT],
    /// Alarms by code.
    pub(crate) alarms: [u64; 64],
    /// Modes entered.
    pub(crate) modes: [u64; 8],
    /// Cases of recovery, by the journal's name for them.
    pub(crate) recovery: Vec<(&'static str, u64)>,
}

impl Default for Cover {
    fn default() -> Self {
        Self {
            denied: [0; gate::CHECKS.len()],
            faults: [0; Fault::COUNT],
            alarms: [0; 64],
            modes: [0; 8],
            recovery: Vec::new(),
        }
    }
}

impl Cover {
    pub(crate) fn fault(&mut self, fault: Fault) {
        self.faults[fault as usize] += 1;
    }

    pub(crate) fn alarm(&mut self, code: u8) {
        if let Some(count) = self.alarms.get_mut(usize::from(code)) {
            *count += 1;
        }
    }

    pub(crate) fn denial(&mut self, mask: u64) {
        for (bit, count) in self.denied.iter_mut().enumerate() {
            *count += (mask >> bit) & 1;
        }
    }

    pub(crate) fn mode(&mut self, mode: Mode) {
        let place = Mode::ALL.iter().position(|m| *m == mode).unwrap_or(7);
        self.modes[place] += 1;
    }

    /// A case of recovery was met `count` times; 0 makes it known.
    pub(crate) fn recovered(&mut self, case: &'static str, count: u64) {
        match self.recovery.iter_mut().find(|(name, _)| *name == case) {
            Some((_, seen)) => *seen += count,
            None => self.recovery.push((case, count)),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.denied[..], &other.denied[..]),
            (&mut self.faults[..], &other.faults[..]),
            (&mut self.alarms[..], &other.alarms[..]),
            (&mut self.modes[..], &other.modes[..]),
        ];
        for (mine, theirs) in pairs {
            mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        }
        for (case, count) in &other.recovery {
            self.recovered(case, *count);
        }
    }

    /// Every mark with its count: kind, name, count.
    pub(crate) fn marks(&self) -> Vec<(&'static str, &'static str, u64)> {
        let mut marks = Vec::new();
        for (check, count) in gate::CHECKS.iter().zip(&self.denied) {
            marks.push(("denial", check.code, *count));
        }
        for (fault, count) in Fault::ALL.iter().zip(&self.faults) {
            marks.push(("fault", fault.text(), *count));
        }
        for code in AlarmCode::ALL {
            let count = self.alarms.get(usize::from(code.code())).copied().unwrap_or(0);
            marks.push(("alarm", code.name(), count));
        }
        for (mode, count) in Mode::ALL.iter().zip(&self.modes) {
            // BOOT is where an engine starts; nothing leads there.
            if *mode != Mode::Boot {
                marks.push(("mode", mode.name(), *count));
            }
        }
        marks.extend(self.recovery.iter().map(|(case, count)| ("recovery", *case, *count)));
        marks
    }
}
