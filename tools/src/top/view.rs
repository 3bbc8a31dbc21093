//! What is shown, as panels of lines: the same for the terminal and for one plain frame.
//!
//! Only what the page, the journal or the doctor says; what is not known has no line, or a dash.
//! Must never: read anything itself.

use super::desk::Desk;
use super::source::{Page, Source};
use crate::latency::watch::{Follow, Stage, figure};
use std::fmt::Write as _;
use wire::counters::Counter as C;
use wire::decimal::Increments;
use wire::journal::JournalCheckpoint;
use wire::station::Mode;

/// Denials that get a line of their own.
const DENIALS: usize = 8;
const NS_PER_S: u64 = 1_000_000_000;
/// The notary signs every second while something comes.
const SIGNED_LATE_S: u64 = 10;
/// Billionths have nine decimals; money is shown with so many.
const CENTS_E9: i64 = 10_000_000;

/// Everything known at one moment.
pub(super) struct Shown<'a> {
    pub(super) source: &'a Source,
    pub(super) page: &'a Page,
    /// Market events and turns of the loop a second since the frame before; `None` on the first.
    pub(super) rates: Option<(u64, u64)>,
    pub(super) desk: &'a Desk,
    /// Frames of the journal that were followed.
    pub(super) followed: u64,
    /// Why the journal cannot be followed.
    pub(super) journal_fault: Option<&'a str>,
    /// What the doctor said; `None` while it looks.
    pub(super) doctor: Option<&'a Verdict>,
    /// The newest checkpoint of the notary.
    pub(super) checkpoint: Option<&'a JournalCheckpoint>,
    /// The run's latencies by stage.
    pub(super) latencies: &'a Follow,
    /// Why they cannot be read.
    pub(super) latency_fault: Option<&'a str>,
    /// Wall clock of now, nanoseconds since the UNIX epoch.
    pub(super) now_ns: u64,
}

/// The doctor's verdict on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Counts by status, on a line.
    pub(super) said: String,
    /// First eight bytes of its report's hash.
    pub(super) hash: u64,
}

/// A line, and whether somebody should look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) is_bad: bool,
}

/// A panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) lines: Vec<Line>,
}

impl Panel {
    fn new(title: &'static str) -> Self {
        Self { title, lines: Vec::new() }
    }

    fn line(mut self, is_bad: bool, text: String) -> Self {
        self.lines.push(Line { text, is_bad });
        self
    }
}

/// Every panel: the left column's, then the right one's.
pub(super) fn panels(shown: &Shown<'_>) -> [Vec<Panel>; 2] {
    [
        vec![station(shown), orders(shown), positions(shown)],
        vec![
            feeds(shown),
            rings(shown),
            turns(shown),
            latencies(shown),
            sidecars(shown),
            doctor(shown),
        ],
    ]
}

/// All of it on lines, for a reader that is no terminal.
pub(super) fn plain(shown: &Shown<'_>) -> String {
    let mut text = String::new();
    for panel in panels(shown).into_iter().flatten() {
        // Writing to a String cannot fail.
        let _infallible = writeln!(text, "{}", panel.title);
        for line in panel.lines {
            let mark = if line.is_bad { '!' } else { ' ' };
            let _infallible = writeln!(text, " {mark}{}", line.text);
        }
    }
    text
}

fn station(shown: &Shown<'_>) -> Panel {
    let get = |counter| shown.page.get(counter);
    let mode = u8::try_from(get(C::LoopMode)).ok().and_then(Mode::from_code);
    let mode = mode.map_or("unknown", Mode::name);
    let (state, is_gone) = match (shown.page.is_done(), shown.source.is_alive()) {
        (true, _) => ("ended".to_owned(), false),
        (false, true) => (format!("pid {}", shown.source.pid), false),
        (false, false) => (format!("pid {} is gone, without an end", shown.source.pid), true),
    };
    let age_s = shown.now_ns.saturating_sub(shown.source.start_ns) / NS_PER_S;
    let alarms = get(C::LoopAlarms);
    let newest = shown.desk.alarm.map_or_else(String::new, |name| format!(", newest {name}"));
    Panel::new("station")
        .line(matches!(mode, "HALTED" | "unknown"), format!("mode {mode}"))
        .line(is_gone, format!("{state}, begun {} ago", span(age_s)))
        .line(false, format!("engine time {} UTC", time_of_day(get(C::LoopEngineTime))))
        .line(alarms > 0, format!("alarms {alarms}{newest}"))
        .line(
            false,
            format!(
                "limits epoch {}, {} changes",
                get(C::LoopLimitsEpoch),
                get(C::LoopLimitChanges)
            ),
        )
}

fn feeds(shown: &Shown<'_>) -> Panel {
    let get = |counter| shown.page.get(counter);
    let (events, total) = (get(C::EdgeEvents), get(C::EdgeEventsTotal));
    let percent = events.saturating_mul(100).checked_div(total);
    let of = percent.map_or_else(String::new, |percent| format!(" of {total} ({percent} %)"));
    let rate = shown.rates.map_or_else(String::new, |(events, _)| format!(", {events}/s"));
    let mut panel = Panel::new("feeds").line(false, format!("events {events}{of}{rate}"));
    for row in shown.desk.rows() {
        let price = |ticks: wire::PriceTicks| {
            Increments { count: ticks.get(), increment_e9: row.tick_size_e9 }.to_string()
        };
        let touch = row.touch.map_or_else(
            || "no touch".to_owned(),
            |(bid, ask)| format!("{} / {}", price(bid), price(ask)),
        );
        let last = row.last_gap.map_or_else(String::new, |why| format!(" (last: {why})"));
        let text = format!("{:<12} {touch}  gaps {}{last}", row.symbol, row.gaps);
        panel = panel.line(row.gaps > 0, text);
    }
    panel
}

fn rings(shown: &Shown<'_>) -> Panel {
    let get = |counter| shown.page.get(counter);
    let fill = get(C::TapeFill);
    let (tape, written, synced) =
        (get(C::TapeFrame), get(C::JournalWritten), get(C::JournalSynced));
    let failed = get(C::JournalFailed) != 0;
    let pressure = get(C::LoopBackPressure);
    let (is_late, signed) = signed(shown);
    Panel::new("rings")
        .line(false, format!("to loop: full {} times", get(C::EdgeRingFull)))
        .line(pressure > 0, format!("out of loop: {pressure} turns without room"))
        .line(fill >= 750, format!("tape {}.{} % full, frame {tape}", fill / 10, fill % 10))
        .line(
            failed,
            format!(
                "journal segment {}: {} frames to write, {} to sync{}",
                get(C::JournalSegment),
                tape.saturating_sub(written),
                tape.saturating_sub(synced),
                if failed { ", FAILED" } else { "" }
            ),
        )
        .line(is_late, signed)
}

/// What the notary signed, and whether that is long ago for a session that goes on.
fn signed(shown: &Shown<'_>) -> (bool, String) {
    let Some(JournalCheckpoint { number, segment, utc_ns, .. }) = shown.checkpoint else {
        return (false, "no checkpoint of a notary".to_owned());
    };
    let age_s = shown.now_ns.saturating_sub(utc_ns.get()) / NS_PER_S;
    let is_late = age_s >= SIGNED_LATE_S && !shown.page.is_done();
    (is_late, format!("notary: checkpoint {number} in segment {segment}, {} ago", span(age_s)))
}

fn turns(shown: &Shown<'_>) -> Panel {
    let get = |counter| shown.page.get(counter);
    let stalls = get(C::LoopStalls);
    let rate = shown.rates.map_or_else(String::new, |(_, turns)| format!(", {turns}/s"));
    let cycles = get(C::LoopTurnCyclesMax);
    Panel::new("loop")
        .line(false, format!("turns {}{rate}", get(C::LoopTurns)))
        .line(stalls > 0, format!("longest turn {cycles} cycles, stalls {stalls}"))
        .line(false, format!("longest sync {} us", get(C::JournalSyncMax) / 1_000))
}

/// Each stage's last second; its worst of the whole run.
fn latencies(shown: &Shown<'_>) -> Panel {
    let panel = Panel::new("latency, ns");
    if let Some(why) = shown.latency_fault {
        return panel.line(true, format!("the log cannot be followed: {why}"));
    }
    let stages = shown.latencies.stages();
    if stages.is_empty() {
        let why = if shown.latencies.is_there() { "no interval yet" } else { "no log" };
        return panel.line(false, why.to_owned());
    }
    let head = ["p50", "p99", "max", "worst"];
    let [p50, p99, max, worst] = head;
    let panel =
        panel.line(false, format!("{:<18}{p50:>9}{p99:>9}{max:>10}{worst:>11}", "last second"));
    stages.iter().fold(panel, |panel, stage| {
        let Stage { name, last, whole, .. } = stage;
        let [p50, p99, max, worst] =
            [last.quantile(2), last.quantile(100), last.max(), whole.max()].map(figure);
        panel.line(false, format!("{name:<18}{p50:>9}{p99:>9}{max:>10}{worst:>11}"))
    })
}

fn orders(shown: &Shown<'_>) -> Panel {
    let get = |counter| shown.page.get(counter);
    let (unknown, rejects) = (get(C::LoopUnknownOrders), get(C::LoopRejects));
    let mut panel = Panel::new("orders")
        .line(
            unknown > 0,
            format!(
                "sent {}, open {}, unknown {unknown}",
                get(C::LoopOrders),
                get(C::LoopOpenOrders)
            ),
        )
        .line(
            rejects > 0,
            format!(
                "fills {}, cancels {}, replaces {}, rejects {rejects}",
                get(C::LoopFills),
                get(C::LoopCancels),
                get(C::LoopReplaces)
            ),
        )
        .line(false, format!("denied {}", get(C::LoopDenied)));
    let denied = shown.desk.denied();
    for (code, count) in denied.iter().take(DENIALS) {
        panel = panel.line(false, format!("  {code:<24} {count}"));
    }
    if let Some(rest) = denied.get(DENIALS..).filter(|rest| !rest.is_empty()) {
        let sum: u64 = rest.iter().map(|(_, count)| count).sum();
        panel = panel.line(false, format!("  {:<24} {sum}", format!("{} more codes", rest.len())));
    }
    panel
}

fn positions(shown: &Shown<'_>) -> Panel {
    let gross = i64::try_from(shown.page.get(C::LoopGross)).unwrap_or(i64::MAX);
    let mut panel =
        Panel::new("positions").line(false, format!("worst-case gross {}", money(gross)));
    for row in shown.desk.rows().filter(|row| row.fills > 0) {
        let net = row.net_e9.map_or_else(|| "-".to_owned(), money);
        let text = format!(
            "{:<12} {} lots, net {net}, fees {}, {} fills",
            row.symbol,
            row.position_lots,
            money(row.fees_e9),
            row.fills
        );
        panel = panel.line(row.net_e9.is_some_and(i64::is_negative), text);
    }
    if shown.desk.has_overflowed {
        panel = panel.line(true, "a fill did not fit the sums: not all is told".to_owned());
    }
    let written = shown.page.get(C::JournalWritten);
    match shown.journal_fault {
        Some(why) => panel.line(true, format!("the journal cannot be followed: {why}")),
        None if shown.followed < written => {
            panel.line(false, format!("by the journal, frame {} of {written}", shown.followed))
        }
        None => panel.line(
            false,
            format!(
                "by the journal, {} of {} fills",
                shown.desk.fills(),
                shown.page.get(C::LoopFills)
            ),
        ),
    }
}

fn sidecars(shown: &Shown<'_>) -> Panel {
    let get = |counter| shown.page.get(counter);
    let asked = get(C::LoopSignalRequests);
    if asked == 0 && get(C::BridgeSignalConnects) == 0 {
        return Panel::new("sidecars").line(false, "no score was asked for".to_owned());
    }
    let is_up = get(C::BridgeSignalUp) != 0;
    let way = if get(C::BridgeSignalShared) != 0 { "shared memory" } else { "socket" };
    let link = if is_up { format!("up, over {way}") } else { "DOWN".to_owned() };
    let (stale, faults) = (get(C::LoopSignalStale), get(C::BridgeSignalFaults));
    let dropped = get(C::BridgeSignalDropped);
    let lost = [C::BridgeSignalLate, C::BridgeSignalExpired, C::BridgeSignalShed].map(get);
    let refused = [C::BridgeRefused, C::BridgeSignalWrongModel, C::BridgeSignalUnasked].map(get);
    let refused: u64 = refused.iter().sum::<u64>() + faults;
    let panel = Panel::new("sidecars")
        .line(
            !is_up && !shown.page.is_done(),
            format!("signal {link}, {} connections", get(C::BridgeSignalConnects)),
        )
        .line(
            false,
            format!(
                "asked {asked}, sent {}, answered {}",
                get(C::BridgeSignalSent),
                get(C::LoopSignalAnswers)
            ),
        )
        .line(
            stale + dropped > 0,
            format!(
                "stale {stale}, dropped {dropped}, late {}, expired {}, shed {}",
                lost[0], lost[1], lost[2]
            ),
        )
        .line(
            refused > 0,
            format!("refused {refused}, models changed {}", get(C::BridgeModelChanges)),
        );
    let standby = [C::BridgeStandbyReady, C::BridgeStandbyServes, C::BridgeStandbySent].map(get);
    if standby == [0; 3] {
        return panel;
    }
    let serves = if standby[1] != 0 { "SERVES" } else { "waits" };
    let ready = if standby[0] != 0 { "ready" } else { "not ready" };
    panel.line(
        standby[1] != 0,
        format!(
            "standby {ready}, {serves}; over {} times, back {} times",
            get(C::BridgeFailovers),
            get(C::BridgeFailbacks)
        ),
    )
}

fn doctor(shown: &Shown<'_>) -> Panel {
    let panel = Panel::new("doctor");
    let Some(Verdict { said, hash }) = shown.doctor else {
        return panel.line(false, "looks".to_owned());
    };
    let is_bad = said.contains("FAIL") || said.contains("UNKNOWN");
    let panel = panel.line(is_bad, said.clone());
    match shown.desk.host_hash {
        Some(start) if start != *hash => {
            let text = format!("host {hash:016x} is NOT that of the start, {start:016x}");
            panel.line(true, text)
        }
        Some(_) => panel.line(false, format!("host {hash:016x}, as at the session's start")),
        None => panel,
    }
}

/// Billionths of a currency with two decimals, towards zero.
fn money(e9: i64) -> String {
    Increments { count: e9 / CENTS_E9, increment_e9: CENTS_E9 }.to_string()
}

fn span(seconds: u64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

fn time_of_day(ns: u64) -> String {
    let second = ns / NS_PER_S % 86_400;
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_spans_are_short_and_exact() {
        for (e9, text) in [
            (0, "0.00"),
            (1_239_999_999, "1.23"),
            (-5_000_000, "0.00"),
            (-1_500_000_000, "-1.50"),
            (i64::MAX, "9223372036.85"),
        ] {
            assert_eq!(money(e9), text);
        }
        for (seconds, text) in [(0, "0 s"), (61, "1 min 1 s"), (7_260, "2 h 1 min")] {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(time_of_day(1_723_161_661_000_000_000), "00:01:01");
    }
}
