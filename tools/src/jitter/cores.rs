//! Cores mode: the round trip through two rings between every two CPUs, beside the line probe of
//! the same moment.
//!
//! Must never: keep a burst whose probes before and after disagree: the CPUs moved in between. The
//! two ends run on threads of their own; everything is allocated before a burst.

use crate::probes::{Percentile, Sample, float};
use clock::{Clock, LineProbe, Placement};
use serde_json::{Value, json};
use station::pin::{Pinned, pin_current};
use std::io;

/// Round trips of a burst.
const TRIPS: usize = 4_000;
/// Round trips before those that count.
const WARM_UP: usize = 400;
/// Bursts kept at least, where the probes allow it.
pub const KEEP: usize = 5;
/// Bursts tried at most.
pub const TRY: usize = 20;

/// One burst between two CPUs.
#[derive(Clone, Debug)]
pub struct Burst {
    /// The probes agree on this; `None` is a burst to drop.
    pub placement: Option<Placement>,
    /// Mean of the two probes, nanoseconds.
    pub line_ns: f64,
    /// Round trips, nanoseconds.
    pub trips: Sample,
}

/// What one pair of CPUs showed.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The CPU that measures.
    pub from: usize,
    /// The CPU that answers.
    pub to: usize,
    /// Where most of the bursts kept were.
    pub placement: Option<Placement>,
    /// Median line probe of those, nanoseconds.
    pub line_ns: f64,
    /// Round trips of those, nanoseconds.
    pub trips: Sample,
    /// Medians of those as multiples of their own probe, rising.
    pub ratios: Vec<f64>,
    /// Bursts dropped, and kept in the other placement.
    pub dropped: usize,
}

impl Cell {
    /// Puts the bursts of a pair together: those of the placement most were in.
    #[must_use]
    pub fn of(from: usize, to: usize, bursts: &[Burst]) -> Self {
        let count = |placement| {
            bursts.iter().filter(move |burst| burst.placement == Some(placement)).count()
        };
        let most = Placement::ALL.into_iter().max_by_key(|placement| count(*placement));
        let placement = most.filter(|placement| count(*placement) > 0);
        let kept: Vec<&Burst> = bursts
            .iter()
            .filter(|burst| burst.placement.is_some() && burst.placement == placement)
            .collect();
        let mut lines: Vec<f64> = kept.iter().map(|burst| burst.line_ns).collect();
        lines.sort_unstable_by(f64::total_cmp);
        let ratio = |burst: &&Burst| Some(float(burst.trips.at(Percentile::P50)?) / burst.line_ns);
        let mut ratios: Vec<f64> = kept.iter().filter_map(ratio).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        Self {
            from,
            to,
            placement,
            line_ns: lines.get(lines.len() / 2).copied().unwrap_or_default(),
            trips: Sample::join(kept.iter().map(|burst| &burst.trips)),
            ratios,
            dropped: bursts.len() - kept.len(),
        }
    }

    /// As JSON, times in nanoseconds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "from": self.from,
            "to": self.to,
            "placement": self.placement.map(|placement| placement.to_string()),
            "line_ns": self.line_ns,
            "n": self.trips.len(),
            "p50_ns": self.trips.at(Percentile::P50),
            "p99_ns": self.trips.at(Percentile::P99),
            "p99_9_ns": self.trips.at(Percentile::P99_9),
            "max_ns": self.trips.max(),
            "ratio": self.ratios.get(self.ratios.len() / 2),
            "ratio_min": self.ratios.first(),
            "ratio_max": self.ratios.last(),
            "bursts_kept": self.ratios.len(),
            "bursts_dropped": self.dropped,
        })
    }
}

/// Measures one pair on the calling thread, which is pinned to `from` on the way.
///
/// # Errors
/// A CPU refused.
pub fn pair(clock: &Clock, from: usize, to: usize) -> io::Result<Cell> {
    settle(from)?;
    let mut bursts: Vec<Burst> = Vec::with_capacity(TRY);
    let kept = |bursts: &[Burst]| bursts.iter().filter(|b| b.placement.is_some()).count();
    while bursts.len() < TRY && kept(&bursts) < KEEP {
        let before = LineProbe::take(clock, || drop(settle(to)));
        let trips = burst(clock, to)?;
        let after = LineProbe::take(clock, || drop(settle(to)));
        bursts.push(Burst {
            placement: before.agrees(&after),
            line_ns: f64::midpoint(before.round_trip_ns, after.round_trip_ns),
            trips,
        });
    }
    Ok(Cell::of(from, to, &bursts))
}

fn settle(cpu: usize) -> io::Result<()> {
    match pin_current(Some(cpu)) {
        Pinned::To(_) => Ok(()),
        Pinned::Refused(_) | Pinned::NotAsked => {
            Err(io::Error::other(format!("cpu {cpu} refused")))
        }
    }
}

fn burst(clock: &Clock, to: usize) -> io::Result<Sample> {
    let (mut there, mut their_in) = ring::ring::<u64>(8);
    let (mut back, mut our_in) = ring::ring::<u64>(8);
    let mut cycles = vec![0; WARM_UP + TRIPS];
    let answered = std::thread::scope(|scope| {
        let answering = scope.spawn(move || {
            // Pinned or not, it answers: who waits for it must not wait for ever.
            let settled = settle(to);
            for _ in 0..WARM_UP + TRIPS {
                let value = loop {
                    if let Some(value) = their_in.try_pop() {
                        break value;
                    }
                };
                while back.try_push(value).is_err() {}
            }
            settled
        });
        for (number, place) in (0_u64..).zip(cycles.iter_mut()) {
            let start = clock.cycles();
            while there.try_push(number).is_err() {}
            while our_in.try_pop() != Some(number) {}
            *place = clock.cycles().saturating_sub(start);
        }
        answering.join()
    });
    answered.map_err(|_| io::Error::other("the answering thread panicked"))??;
    let counted = cycles.get(WARM_UP..).unwrap_or_default();
    Ok(Sample::of(counted.iter().map(|cycles| clock.cycles_to_ns(*cycles)).collect()))
}

/// The matrix of medians and the table of pairs, as text.
#[must_use]
pub fn text(cpus: &[usize], cells: &[Cell]) -> Vec<String> {
    let find =
        |a: usize, b: usize| cells.iter().find(|cell| (cell.from, cell.to) == (a.min(b), a.max(b)));
    let mut lines = vec!["round trip through two rings, median ns:".to_owned()];
    let heads = cpus.iter().map(|cpu| format!("{cpu:>8}"));
    lines.push(format!("{:<6}{}", "cpu", heads.collect::<String>()));
    for row in cpus {
        let cell = |column: &usize| match find(*row, *column) {
            _ if row == column => format!("{:>8}", "-"),
            Some(cell) => match cell.trips.at(Percentile::P50) {
                Some(ns) => format!("{ns:>8}"),
                None => format!("{:>8}", "n/a"),
            },
            None => format!("{:>8}", "n/a"),
        };
        lines.push(format!("{row:<6}{}", cpus.iter().map(cell).collect::<String>()));
    }
    lines.push(format!(
        "{:<9}{:>9}{:>9}{:>9}{:>9}{:>10}{:>20}{:>7}{:>9}",
        "pair", "place", "line ns", "p50 ns", "p99 ns", "p99.9 ns", "p50 / line", "kept", "dropped"
    ));
    for cell in cells {
        let ns = |at| cell.trips.at(at).map_or_else(|| "n/a".into(), |ns| ns.to_string());
        let spread = match (cell.ratios.first(), cell.ratios.last()) {
            (Some(low), Some(high)) => {
                let middle = cell.ratios.get(cell.ratios.len() / 2).unwrap_or(low);
                format!("{middle:.2} ({low:.2}-{high:.2})")
            }
            _ => "n/a".into(),
        };
        let place = cell.placement.map_or_else(|| "unstable".into(), |place| place.to_string());
        lines.push(format!(
            "{:<9}{place:>9}{:>9.1}{:>9}{:>9}{:>10}{spread:>20}{:>7}{:>9}",
            format!("{}-{}", cell.from, cell.to),
            cell.line_ns,
            ns(Percentile::P50),
            ns(Percentile::P99),
            ns(Percentile::P99_9),
            cell.ratios.len(),
            cell.dropped,
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burst(placement: Option<Placement>, line_ns: f64, trip_ns: u64) -> Burst {
        Burst { placement, line_ns, trips: Sample::of(vec![trip_ns; 100]) }
    }

    #[test]
    fn only_bursts_of_one_placement_are_put_together() {
        let near = Some(Placement::Near);
        let bursts = [
            burst(near, 80.0, 88),
            burst(None, 200.0, 5_000),
            burst(Some(Placement::Far), 400.0, 480),
            burst(near, 100.0, 90),
        ];
        let cell = Cell::of(0, 1, &bursts);
        assert_eq!((cell.placement, cell.dropped, cell.trips.len()), (near, 2, 200));
        assert_eq!(cell.trips.max(), Some(90));
        assert!((cell.ratios[0] - 0.9).abs() < 1e-9 && (cell.ratios[1] - 1.1).abs() < 1e-9);
        let text = text(&[0, 1], &[cell]);
        assert!(text[2].ends_with("      90") || text[2].ends_with("      88"), "{text:?}");
        let unstable = Cell::of(0, 1, &[burst(None, 1.0, 1)]);
        assert_eq!((unstable.placement, unstable.trips.len()), (None, 0));
    }
}
