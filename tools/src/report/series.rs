//! What the charts draw, taken from the record: thinned to what a page can show, extremes kept.

use crate::record::{self, Item};
use engine::instrument::Touch;
use engine::position::Position;
use tape::Recording;
use wire::instrument::Instrument;
use wire::order::{ExecutionReport, Side};

/// Points a line keeps: two per pixel column, the lowest and the highest of it.
const COLUMNS: usize = 1_000;

/// A line: seconds since the start of the record, and a value.
pub(super) type Line = Vec<(f64, f64)>;

/// Everything drawn of a run.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) instruments: Vec<InstrumentSeries>,
}

/// PnL lines.
#[derive(Debug, Default)]
pub(super) struct Pnl {
    pub(super) net: Line,
    pub(super) before_fees: Line,
}

/// Everything drawn of one instrument.
#[derive(Debug, Default)]
pub(super) struct InstrumentSeries {
    pub(super) symbol: String,
    pub(super) mid: Line,
    pub(super) buys: Line,
    pub(super) sells: Line,
    pub(super) position: Line,
    pub(super) pnl: Pnl,
    pub(super) scores: Line,
}

struct Walker<'a> {
    row: &'a Instrument,
    book: Position,
    touch: Option<Touch>,
    series: InstrumentSeries,
}

impl Series {
    /// Walks the record once.
    pub(super) fn of(recording: &Recording) -> Self {
        let mut walkers: Vec<Walker<'_>> = recording
            .instruments()
            .iter()
            .map(|row| Walker {
                row,
                book: Position::default(),
                touch: None,
                series: InstrumentSeries {
                    symbol: row.symbol().to_owned(),
                    ..InstrumentSeries::default()
                },
            })
            .collect();
        let mut start = None;
        let mut seconds = |ns: u64| {
            let start = *start.get_or_insert(ns);
            to_f64(i128::from(ns) - i128::from(start)) / 1e9
        };
        record::walk(recording, |item| {
            let header = match item {
                Item::Touch(header, _) => header,
                Item::Fill(report) => &report.header,
                Item::Score(response) => &response.header,
                Item::Order(_)
                | Item::Replace(_)
                | Item::Cancel(_)
                | Item::Denied(_)
                | Item::Alarm(_)
                | Item::Kill(_)
                | Item::Mode(_) => return true,
            };
            let at = seconds(header.ts_recv_ns.get());
            if let Some(walker) = walkers.get_mut(record::index(header.instrument_id)) {
                walker.take(at, item);
            }
            true
        });
        Self { instruments: walkers.into_iter().map(Walker::finish).collect() }
    }
}

impl Walker<'_> {
    fn take(&mut self, at: f64, item: &Item<'_>) {
        match item {
            Item::Touch(_, touch) => {
                self.touch = Some(*touch);
                if let Some(mid) = touch.mid_x2() {
                    self.series.mid.push((at, self.price(i128::from(mid)) / 2.0));
                }
                if self.book.fills() > 0 {
                    self.mark(at);
                }
            }
            Item::Fill(report) => self.fill(at, report),
            Item::Score(response) => {
                self.series.scores.push((at, f64::from(response.score_e6) / 1e6));
            }
            Item::Order(_)
            | Item::Replace(_)
            | Item::Cancel(_)
            | Item::Denied(_)
            | Item::Alarm(_)
            | Item::Kill(_)
            | Item::Mode(_) => {}
        }
    }

    fn fill(&mut self, at: f64, report: &ExecutionReport) {
        let Some(side) = Side::from_code(report.side) else { return };
        let (price, qty) = (report.last_px_ticks, report.last_qty_lots);
        // The engine stops at an overflow; the drawing just leaves the fill out.
        if self.book.fill(side, price, qty, report.fee_e9).is_err() {
            return;
        }
        let point = (at, self.price(i128::from(price.get())));
        match side {
            Side::Buy => self.series.buys.push(point),
            Side::Sell => self.series.sells.push(point),
        }
        let lots = i128::from(self.book.lots().get());
        let held = to_f64(lots * i128::from(self.row.lot_size_e9)) / 1e9;
        self.series.position.push((at, held));
        self.mark(at);
    }

    fn mark(&mut self, at: f64) {
        let (Some(touch), Some(value)) = (self.touch, self.row.tick_value_e9()) else { return };
        let long = self.book.lots().get() >= 0;
        let mark = if long { touch.bid.price_ticks } else { touch.ask.price_ticks };
        if let Ok(net) = self.book.net_e9(mark, value) {
            let net = to_f64(i128::from(net.get())) / 1e9;
            let fees = to_f64(i128::from(self.book.fees_e9().get())) / 1e9;
            self.series.pnl.net.push((at, net));
            self.series.pnl.before_fees.push((at, net + fees));
        }
    }

    fn price(&self, ticks: i128) -> f64 {
        to_f64(ticks * i128::from(self.row.tick_size_e9)) / 1e9
    }

    fn finish(mut self) -> InstrumentSeries {
        let end = self.series.mid.last().map_or(0.0, |p| p.0);
        if let Some((_, held)) = self.series.position.last().copied() {
            self.series.position.push((end, held));
        }
        for line in [
            &mut self.series.mid,
            &mut self.series.pnl.net,
            &mut self.series.pnl.before_fees,
            &mut self.series.scores,
        ] {
            *line = thin(line);
        }
        self.series
    }
}

/// Keeps, of each of [`COLUMNS`] equal stretches of points, the lowest and the highest in order.
fn thin(line: &[(f64, f64)]) -> Line {
    if line.len() <= 2 * COLUMNS {
        return line.to_vec();
    }
    let mut kept = Vec::with_capacity(2 * COLUMNS);
    for chunk in line.chunks(line.len().div_ceil(COLUMNS)) {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        if let (Some(low), Some(high)) =
            (chunk.iter().min_by(by_value), chunk.iter().max_by(by_value))
        {
            let (first, second) = if low.0 <= high.0 { (low, high) } else { (high, low) };
            kept.push(*first);
            kept.push(*second);
        }
    }
    kept
}

#[expect(clippy::cast_precision_loss, reason = "for drawing only")]
fn to_f64(value: i128) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_extremes_and_order() {
        let line: Line = (0..100_000_i32)
            .map(|n| (f64::from(n), if n == 54_321 { 9.0 } else { f64::from(n % 7) / 10.0 }))
            .collect();
        let thin = thin(&line);
        assert!(thin.len() <= 2 * COLUMNS);
        assert!(thin.iter().any(|p| p.1 > 8.0), "the spike survives");
        assert!(thin.is_sorted_by(|a, b| a.0 <= b.0));
    }
}
