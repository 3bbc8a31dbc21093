//! Joins a limits file with what the station runs: instruments, strategies, venues.
//!
//! The only place that turns a row's name into an id. Must never: leave out a row that something
//! configured needs, or keep one that names nothing. Runs at start and on an operator's word.

use super::{LimitsFile, Named};
use crate::config::{Problem, failure};
use crate::operator::Failure;
use engine::limits::{LimitSet, SymbolRow, SymbolRules};
use std::fmt::Display;
use wire::VenueId;
use wire::instrument::Instrument;

/// Strategies a symbol's row can name: bits of its mask.
const STRATEGIES_MAX: usize = 64;

/// One strategy of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name.
    pub name: String,
    /// Symbol it trades.
    pub symbol: String,
}

/// Everything limits can be about, by name and id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// The instrument table; a row's index is its id.
    pub instruments: Vec<Instrument>,
    /// The strategies that run; the index is the id.
    pub strategies: Vec<Member>,
    /// Strategies of the configuration that this session leaves out.
    pub left_out: Vec<String>,
    /// Names of the venues, with their ids.
    pub venues: Vec<(String, VenueId)>,
}

impl Roster {
    /// Id of a symbol.
    #[must_use]
    pub fn symbol(&self, name: &str) -> Option<usize> {
        self.instruments.iter().position(|row| row.symbol() == name)
    }

    /// Id of a strategy.
    #[must_use]
    pub fn strategy(&self, name: &str) -> Option<usize> {
        self.strategies.iter().position(|member| member.name == name)
    }

    /// Whether the configuration has a strategy of this name, running or left out.
    fn knows_strategy(&self, name: &str) -> bool {
        self.strategy(name).is_some() || self.left_out.iter().any(|other| other == name)
    }
}

/// Problems met on the way.
#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, line: usize, key: String, found: impl Display, allowed: String) {
        self.0.push(Problem { line, key, found: found.to_string(), allowed });
    }

    /// A row for something that is not there.
    fn stranger(&mut self, line: usize, group: &str, name: &str, known: &[&str]) {
        let (key, found) = (format!("{group}.{name}"), format!("\"{}\"", name.escape_debug()));
        self.add(line, key, found, format!("one of {}", known.join(", ")));
    }

    /// Something that has no row.
    fn absent(&mut self, group: &str, name: &str) {
        let allowed = "a section: without one every order is denied".to_owned();
        self.add(0, format!("{group}.{name}"), "nothing", allowed);
    }
}

impl LimitsFile {
    /// The limits by id.
    ///
    /// # Errors
    /// A [`Failure`] with one line for each row that names nothing the station has, and for each
    /// thing the station has that lacks a row.
    pub fn join(&self, roster: &Roster) -> Result<LimitSet, Failure> {
        let mut found = Found::default();
        let set = LimitSet {
            epoch: self.epoch,
            sha256: self.sha256,
            firm: self.firm,
            symbols: self.symbols_of(roster, &mut found),
            strategies: self.strategies_of(roster, &mut found),
            venues: self.venues_of(roster, &mut found),
        };
        let mut problems = found.0;
        problems.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
        if problems.is_empty() { Ok(set) } else { Err(failure(&self.path, problems)) }
    }

    fn symbols_of(&self, roster: &Roster, found: &mut Found) -> Vec<Option<SymbolRow>> {
        let mut rows = vec![None; roster.instruments.len()];
        let known: Vec<_> = roster.instruments.iter().map(Instrument::symbol).collect();
        for Named { name, line, row: spec } in &self.symbols {
            let index = roster.symbol(name);
            let at = index.and_then(|i| Some((roster.instruments.get(i)?, rows.get_mut(i)?)));
            let Some((instrument, slot)) = at else {
                found.stranger(*line, "symbol", name, &known);
                continue;
            };
            let smallest = instrument.min_qty_lots.get();
            if spec.limits.max_order_qty_lots < smallest {
                let key = format!("symbol.{name}.max_order_qty_lots");
                let allowed = format!("at least the venue's smallest order, {smallest}");
                found.add(*line, key, spec.limits.max_order_qty_lots, allowed);
            }
            *slot = Some(SymbolRow {
                limits: spec.limits,
                rules: SymbolRules {
                    order_types: spec.order_types,
                    strategies: mask(name, *line, &spec.strategies, roster, found),
                    fx: spec.fx,
                    band_due: spec.band_due,
                    locate_due: spec.locate_due,
                },
                adv_lots: spec.adv_lots,
            });
        }
        for member in &roster.strategies {
            let row = self.symbols.iter().find(|row| row.name == member.symbol);
            match row {
                None if found.0.iter().any(|p| p.key == format!("symbol.{}", member.symbol)) => {}
                None => found.absent("symbol", &member.symbol),
                Some(row) if row.row.strategies.contains(&member.name) => {}
                Some(row) => {
                    let key = format!("symbol.{}.strategies", row.name);
                    let shown = format!("\"{}\"", row.row.strategies.join("\", \""));
                    let allowed = format!("a list with \"{}\", which trades it", member.name);
                    found.add(row.line, key, shown, allowed);
                }
            }
        }
        rows
    }

    fn strategies_of(
        &self,
        roster: &Roster,
        found: &mut Found,
    ) -> Vec<Option<engine::limits::StrategyLimits>> {
        let mut rows = vec![None; roster.strategies.len()];
        let running = roster.strategies.iter().map(|member| member.name.as_str());
        let known: Vec<_> = running.chain(roster.left_out.iter().map(String::as_str)).collect();
        for Named { name, line, row } in &self.strategies {
            match roster.strategy(name).and_then(|i| rows.get_mut(i)) {
                Some(slot) => *slot = Some(*row),
                None if roster.knows_strategy(name) => {}
                None => found.stranger(*line, "strategy", name, &known),
            }
        }
        for (member, row) in roster.strategies.iter().zip(&rows) {
            if row.is_none() {
                found.absent("strategy", &member.name);
            }
        }
        rows
    }

    fn venues_of(
        &self,
        roster: &Roster,
        found: &mut Found,
    ) -> Vec<(VenueId, engine::limits::VenueLimits)> {
        let known: Vec<_> = roster.venues.iter().map(|(name, _)| name.as_str()).collect();
        for row in &self.venues {
            if !known.contains(&row.name.as_str()) {
                found.stranger(row.line, "venue", &row.name, &known);
            }
        }
        let mut rows = Vec::new();
        for (name, id) in &roster.venues {
            match self.venues.iter().find(|row| row.name == *name) {
                Some(row) => rows.push((*id, row.row)),
                None => found.absent("venue", name),
            }
        }
        rows
    }
}

/// The strategies that run as bits.
fn mask(symbol: &str, line: usize, names: &[String], roster: &Roster, found: &mut Found) -> u64 {
    let key = || format!("symbol.{symbol}.strategies");
    let mut mask = 0;
    for name in names {
        let shown = format!("\"{}\"", name.escape_debug());
        match roster.strategy(name) {
            Some(id) if id < STRATEGIES_MAX => mask |= 1_u64 << id,
            Some(_) => {
                found.add(line, key(), shown, format!("one of the first {STRATEGIES_MAX}"));
            }
            None if roster.knows_strategy(name) => {}
            None => found.add(line, key(), shown, "strategies of the configuration".to_owned()),
        }
    }
    mask
}
