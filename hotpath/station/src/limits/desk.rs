//! The bridge's view of the running limits: what an operator may change, and what was handed on.
//!
//! Owns the names behind ids, the set the engine was given, and the changes asked for since. The
//! engine has the last word on each; what is here only refuses early. Must never: hand on part of
//! a file, or a file that is not signed. The bridge's thread runs it.

use super::changes::{self, Target};
use super::{LimitsFile, Roster, Source, text_of_hash};
use crate::operator::Failure;
use engine::limits::LimitSet;
use serde_json::{Value, json};
use std::collections::VecDeque;
use wire::FrameHeader;
use wire::instrument::Instrument;
use wire::risk::{ChangeSource, EpochStage, LimitChange, LimitField, LimitsEpoch};
use wire::station::Mode;

/// A change that was handed to the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    target: Target,
    field: LimitField,
    before: i64,
    value: i64,
}

/// A limits file on its way into the loop.
#[derive(Debug)]
struct Taking {
    set: LimitSet,
    frames: VecDeque<Vec<u8>>,
}

/// What runs, and what may be asked of it.
#[derive(Debug, Default)]
pub struct Desk {
    roster: Roster,
    source: Option<Source>,
    running: Option<LimitSet>,
    effective: Option<LimitSet>,
    asked: Vec<Asked>,
    taking: Option<Taking>,
}

impl Desk {
    /// A desk for a session that starts with these limits.
    #[must_use]
    pub fn new(roster: Roster, source: Option<Source>, running: Option<LimitSet>) -> Self {
        let effective = running.clone();
        Self { roster, source, running, effective, asked: Vec::new(), taking: None }
    }

    /// Whether a file is on its way into the loop.
    #[must_use]
    pub fn is_taking(&self) -> bool {
        self.taking.is_some()
    }

    /// What a header names, if the station has it.
    ///
    /// # Errors
    /// The reason, in one line.
    pub fn target(&self, header: &FrameHeader) -> Result<Target, String> {
        let target = Target::of(header).ok_or("more than one of venue, strategy and symbol")?;
        let known = match target {
            Target::Firm => true,
            Target::Venue(id) => self.roster.venues.iter().any(|(_, venue)| *venue == id),
            Target::Strategy(id) => usize::from(id.get()) < self.roster.strategies.len(),
            Target::Symbol(id) => {
                usize::try_from(id.get()).is_ok_and(|index| index < self.roster.instruments.len())
            }
        };
        if known { Ok(target) } else { Err(format!("no such {}", target.scope().name())) }
    }

    /// `symbol:BTCUSDT`.
    fn name(&self, target: Target) -> String {
        let name = match target {
            Target::Firm => return target.scope().name().to_owned(),
            Target::Venue(id) => {
                let row = self.roster.venues.iter().find(|(_, venue)| *venue == id);
                row.map(|(name, _)| name.as_str())
            }
            Target::Strategy(id) => {
                let row = self.roster.strategies.get(usize::from(id.get()));
                row.map(|member| member.name.as_str())
            }
            Target::Symbol(id) => {
                let index = usize::try_from(id.get()).unwrap_or(usize::MAX);
                self.roster.instruments.get(index).map(Instrument::symbol)
            }
        };
        format!("{}:{}", target.scope().name(), name.unwrap_or("?"))
    }

    /// Judges a change at run time. The frame to hand on, made anew.
    ///
    /// # Errors
    /// The reason, in one line.
    pub fn tighten(&self, asked: &LimitChange) -> Result<LimitChange, String> {
        let effective = self.effective.as_ref().ok_or(NO_LIMITS)?;
        if self.is_taking() {
            return Err(TAKING.to_owned());
        }
        if asked.source != ChangeSource::Runtime.code() {
            return Err("a change at run time says so; a file is taken with `load`".to_owned());
        }
        let target = self.target(&asked.header)?;
        if asked.scope != target.scope().code() {
            return Err("scope and name do not fit".to_owned());
        }
        let field = LimitField::from_code(asked.field).ok_or("no such limit")?;
        let name = self.name(target);
        let none = || format!("{name} has no {}", field.name());
        let spec = target.spec(field).ok_or_else(none)?;
        let now = target.get(effective, field).ok_or_else(none)?;
        changes::only_tightens(spec, now, asked.value).map_err(|why| format!("{name} {why}"))?;
        Ok(changes::change(target, field, asked.value, asked.change_id, ChangeSource::Runtime))
    }

    /// Notes that a change was handed to the loop. What to say of it.
    pub fn tightened(&mut self, change: &LimitChange) -> String {
        let (Some(effective), Some(target), Some(field)) = (
            self.effective.as_mut(),
            Target::of(&change.header),
            LimitField::from_code(change.field),
        ) else {
            return String::new();
        };
        let before = target.get(effective, field).unwrap_or(change.value);
        target.set(effective, field, change.value);
        self.asked.retain(|asked| (asked.target, asked.field) != (target, field));
        self.asked.push(Asked { target, field, before, value: change.value });
        format!("taken up: {} {} {before} -> {}", self.name(target), field.name(), change.value)
    }

    /// Takes up the configured file: signature, epoch, every key, every row. Its frames then go
    /// with [`Desk::upcoming`]. What to say of it.
    ///
    /// # Errors
    /// Every problem, one a line; what runs stays.
    pub fn load(&mut self, asked: &LimitsEpoch, mode: Mode) -> Result<String, String> {
        if asked.stage != EpochStage::Begin.code() {
            return Err("a file is taken with the stage \"begin\"".to_owned());
        }
        if mode != Mode::Maintenance {
            return Err(format!("mode is {}, not MAINTENANCE", mode.name()));
        }
        if self.is_taking() {
            return Err(TAKING.to_owned());
        }
        let (Some(source), Some(running)) = (&self.source, &self.running) else {
            return Err(NO_LIMITS.to_owned());
        };
        let all = |failure: Failure| failure.to_string();
        let file = LimitsFile::load(&source.file).map_err(all)?;
        if (file.epoch, file.sha256) != (asked.epoch, asked.sha256) {
            return Err(format!(
                "the configured file {} has epoch={} sha256={}, not what was asked for",
                source.file.display(),
                file.epoch,
                file.sha256_text()
            ));
        }
        source.admit(&file, Some("a file taken while it runs is signed")).map_err(all)?;
        if file.epoch <= running.epoch {
            let (found, least) = (file.epoch, running.epoch);
            return Err(format!("key=epoch found={found} allowed=(above {least}): a stale epoch"));
        }
        let set = file.join(&self.roster).map_err(all)?;
        let symbol = |i: usize| {
            self.roster.instruments.get(i).map_or(String::new(), |row| row.symbol().to_owned())
        };
        changes::same_rules(running, &set, symbol).map_err(|lines| lines.join("\n"))?;
        // Kept first: should the session break off from here, the file may be taken again.
        source.take(&file).map_err(all)?;
        let said = format!("taken up: epoch {} sha256 {}", file.epoch, file.sha256_text());
        self.taking = Some(Taking { frames: changes::frames(&set).into(), set });
        Ok(said)
    }

    /// The next frame of a file that is on its way; [`Desk::passed`] says that it went.
    #[must_use]
    pub fn upcoming(&self) -> Option<&[u8]> {
        self.taking.as_ref().and_then(|taking| taking.frames.front()).map(Vec::as_slice)
    }

    /// The frame went into the loop. With the last one the file is what runs, and the session's
    /// tightenings are gone.
    pub fn passed(&mut self) {
        let Some(taking) = &mut self.taking else { return };
        taking.frames.pop_front();
        if taking.frames.is_empty()
            && let Some(Taking { set, .. }) = self.taking.take()
        {
            self.effective = Some(set.clone());
            self.running = Some(set);
            self.asked.clear();
        }
    }

    /// What was handed to the engine, as JSON; null where no limits file is configured.
    #[must_use]
    pub fn status(&self) -> Value {
        let Some(running) = &self.running else { return Value::Null };
        let tightened: Vec<Value> = self
            .asked
            .iter()
            .map(|asked| {
                json!({
                    "of": self.name(asked.target),
                    "field": asked.field.name(),
                    "before": asked.before,
                    "value": asked.value,
                    "file": asked.target.get(running, asked.field),
                })
            })
            .collect();
        json!({
            "epoch": running.epoch,
            "sha256": text_of_hash(&running.sha256),
            "file": self.source.as_ref().map(|source| source.file.display().to_string()),
            "tightened": tightened,
            "taking": self.is_taking(),
        })
    }

    /// The names an operator may use, with their ids, as JSON.
    #[must_use]
    pub fn names(&self) -> Value {
        let Roster { instruments, strategies, venues, .. } = &self.roster;
        let id = |(name, id): &(String, wire::VenueId)| (name.clone(), json!(id.get()));
        json!({
            "symbol": instruments.iter().map(Instrument::symbol).collect::<Vec<_>>(),
            "strategy": strategies.iter().map(|member| &member.name).collect::<Vec<_>>(),
            "venue": venues.iter().map(id).collect::<serde_json::Map<_, _>>(),
        })
    }
}

const NO_LIMITS: &str = "no limits file runs here: set limits.file and restart";
const TAKING: &str = "a limits file is being taken: try again";
