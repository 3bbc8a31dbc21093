//! The table of a measurement: sfnt-pingpong's columns, whole and half round trips, and JSON.
//!
//! Must never: leave out which of the two a figure is. Every line that is no row begins with `# `.

use super::PingpongArgs;
use super::link::{Link, Onload};
use super::measure::{Affinity, Outcome};
use super::verdict::Verdict;
use crate::latency::sfnt::{Row, text_of};
use crate::probes::{Machine, Percentile, micros};
use clock::Clock;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io;

/// What was measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// Who measured.
    pub tool: String,
    /// The other program's own output, shown as it is.
    pub own_table: Option<String>,
    /// One row a size, whole round trips in nanoseconds.
    pub rows: Vec<Row>,
    /// Messages that never came back.
    pub lost: u64,
    /// The way of the messages.
    pub link: Link,
    /// What Onload did.
    pub onload: Onload,
    /// CPUs of the ends.
    pub affinity: Affinity,
    /// The clock of our own measurement.
    pub clock: Option<Clock>,
    /// The machine.
    pub machine: Option<Machine>,
}

impl Report {
    /// Adds the row of one size.
    ///
    /// # Errors
    /// Too few samples for the percentile, which the measurement takes care of.
    pub fn take(&mut self, outcome: &Outcome, percentile: Percentile) -> io::Result<()> {
        let row = row(outcome, percentile).ok_or_else(|| io::Error::other("too few samples"))?;
        self.rows.push(row);
        self.lost += outcome.lost;
        Ok(())
    }

    /// The whole output.
    #[must_use]
    pub fn shown(&self, args: &PingpongArgs, verdict: &Verdict) -> String {
        if args.json {
            format!("{}\n", self.to_json(args, verdict))
        } else {
            self.text(args, verdict)
        }
    }

    fn text(&self, args: &PingpongArgs, verdict: &Verdict) -> String {
        let mut text = self.own_table.clone().unwrap_or_else(|| self.head(args));
        if self.own_table.is_none() {
            let rows: Vec<Row> = self.rows.iter().map(|row| shown(row, args.rtt)).collect();
            text.push_str(&text_of(&rows));
        }
        let mut line = |told: &str| {
            let _ = writeln!(text, "# {told}");
        };
        line(&format!("measured by: {}", self.tool));
        line(&format!("link: {}", self.link.told()));
        line(&format!("onload: {}", self.onload.told()));
        let percentile = args.percentile;
        for row in &self.rows {
            let Row { size, median_ns, percentile_ns, max_ns, iter, .. } = row;
            line(&format!(
                "rtt: size {size}: median {} us (half {}), p{percentile} {} us (half {}), \
                 max {} us, n {iter}",
                micros(*median_ns),
                micros(median_ns / 2),
                micros(*percentile_ns),
                micros(percentile_ns / 2),
                micros(*max_ns),
            ));
        }
        if self.lost > 0 {
            line(&format!("lost: {} messages never came back and are no samples", self.lost));
        }
        verdict.lines(args.target_size).iter().for_each(|told| line(told));
        text
    }

    /// The lines above our own table, in the form of sfnt-pingpong's.
    fn head(&self, args: &PingpongArgs) -> String {
        let sizes: Vec<String> = args.sizes.iter().map(usize::to_string).collect();
        let rtt = if args.rtt { " --rtt" } else { "" };
        let mode = args.mode.name();
        let mut text = format!(
            "# cmdline: corelane-pingpong --sizes={} --percentile={}{rtt} {mode}\n",
            sizes.join(","),
            args.percentile
        );
        let mut line = |told: String| {
            let _ = writeln!(text, "# {told}");
        };
        line(format!("version: {}", env!("CARGO_PKG_VERSION")));
        if let Some(machine) = &self.machine {
            line(format!("host: {}", machine.line()));
        }
        if let Some(clock) = &self.clock {
            line(format!("tsc_hz: {}", clock.cycles_per_second()));
            line(format!("clock: {}", clock.source()));
        }
        line(format!("ends: {}, {}", args.wait.name(), self.ends(args)));
        line(format!("percentile={}", args.percentile));
        line(format!("reporting: {}", if args.rtt { "RTT" } else { "1/2 RTT" }));
        text.push_str("#\n");
        text
    }

    fn ends(&self, args: &PingpongArgs) -> String {
        let cpu = |cpu: Option<usize>| cpu.map_or_else(|| "any".into(), |cpu| cpu.to_string());
        match &args.connect {
            Some(to) => format!("client on cpu {}, server {to}", cpu(self.affinity.client)),
            None => format!(
                "two threads on cpu {} and {}",
                cpu(self.affinity.client),
                cpu(self.affinity.server)
            ),
        }
    }

    fn to_json(&self, args: &PingpongArgs, verdict: &Verdict) -> Value {
        let figures = |row: Row| {
            json!({
                "min": row.min_ns, "mean": row.mean_ns, "median": row.median_ns,
                "percentile": row.percentile_ns, "max": row.max_ns, "stddev": row.stddev_ns,
            })
        };
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "size": row.size, "iter": row.iter,
                    "rtt_ns": figures(*row), "half_rtt_ns": figures(shown(row, false)),
                })
            })
            .collect();
        json!({
            "version": 1,
            "tool": self.tool,
            "mode": args.mode.name(),
            "wait": args.wait.name(),
            "affinity": [self.affinity.client, self.affinity.server],
            "percentile": args.percentile.to_string(),
            "clock": self.clock.map(|clock| clock.source()),
            "machine": self.machine.as_ref().map(Machine::to_json),
            "link": self.link.to_json(),
            "onload": self.onload.to_json(),
            "rows": rows,
            "lost": self.lost,
            "target_size": args.target_size,
            "verdict": verdict.to_json(),
        })
    }
}

fn row(outcome: &Outcome, percentile: Percentile) -> Option<Row> {
    let rtt = &outcome.rtt;
    Some(Row {
        size: u64::try_from(outcome.size).ok()?,
        mean_ns: rtt.mean()?,
        min_ns: rtt.min()?,
        median_ns: rtt.at(Percentile::P50)?,
        max_ns: rtt.max()?,
        percentile_ns: rtt.at(percentile)?,
        stddev_ns: rtt.deviation()?,
        iter: rtt.len(),
    })
}

/// A row of whole round trips as it is shown: whole, or halves rounded down.
fn shown(row: &Row, is_whole: bool) -> Row {
    let by = if is_whole { 1 } else { 2 };
    Row {
        size: row.size,
        iter: row.iter,
        mean_ns: row.mean_ns / by,
        min_ns: row.min_ns / by,
        median_ns: row.median_ns / by,
        max_ns: row.max_ns / by,
        percentile_ns: row.percentile_ns / by,
        stddev_ns: row.stddev_ns / by,
    }
}
