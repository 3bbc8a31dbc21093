//! What a run of many seeds says: one table of what happened, and what never did.

use super::Life;
use super::cover::Cover;
use super::watch::Totals;
use std::fmt::Write;

/// Sums over seeds.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Seeds lived through.
    pub seeds: u64,
    /// Things that happened in them, each counted once though it happened twice.
    pub events: u64,
    totals: Totals,
    cover: Cover,
}

impl Report {
    /// Adds one seed.
    pub fn add(&mut self, life: &Life) {
        self.seeds += 1;
        self.events += life.outcome.events;
        self.totals.add(&life.outcome.totals);
        self.cover.add(&life.outcome.cover);
    }

    /// Adds the sums of others.
    pub fn join(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.totals.add(&other.totals);
        self.cover.add(&other.cover);
    }

    /// Orders that went out, fills, denials: whether the worlds were alive at all.
    #[must_use]
    pub fn activity(&self) -> [u64; 3] {
        [self.totals.orders, self.totals.fills, self.totals.denials]
    }

    fn figures(&self) -> [(&'static str, u64); 10] {
        let t = &self.totals;
        [
            ("seeds", self.seeds),
            ("events", self.events),
            ("inputs", t.inputs),
            ("outputs", t.outputs),
            ("orders", t.orders),
            ("amendments", t.replaces),
            ("cancels", t.cancels),
            ("fills", t.fills),
            ("denials", t.denials),
            ("sessions", t.sessions),
        ]
    }

    /// Marks that were never met: kind and name.
    #[must_use]
    pub fn missed(&self) -> Vec<(&'static str, &'static str)> {
        let marks = self.cover.marks();
        marks.into_iter().filter(|(.., n)| *n == 0).map(|(kind, name, _)| (kind, name)).collect()
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for (name, count) in self.figures() {
            let _ = writeln!(text, "{name:<12} {count:>14}");
        }
        let mut last = "";
        for (kind, name, count) in self.cover.marks() {
            if kind != last {
                let _ = writeln!(text, "\n{kind}");
                last = kind;
            }
            let _ = writeln!(text, "  {name:<46} {count:>12}");
        }
        let missed = self.missed();
        let _ = writeln!(text, "\nnot met: {}", missed.len());
        for (kind, name) in missed {
            let _ = writeln!(text, "  {kind}: {name}");
        }
        text
    }

    /// The same as one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let mut text = String::from("{");
        for (name, count) in self.figures() {
            let _ = write!(text, "\"{name}\":{count},");
        }
        let _ = write!(text, "\"marks\":[");
        for (n, (kind, name, count)) in self.cover.marks().into_iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            let _ = write!(
                text,
                "{comma}{{\"kind\":\"{kind}\",\"name\":\"{name}\",\"count\":{count}}}"
            );
        }
        text.push_str("]}");
        text
    }
}
