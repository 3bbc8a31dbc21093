//! How a session ended: the exit code and the lines that say why.
//!
//! The gravest cause decides: a bug, then a tripped rule, then the record, then the feed. Runs on
//! the main thread after the last turn.

use crate::edge_task::{EdgeFault, EdgeTask};
use crate::operator::Line;
use crate::prepare::of_tape;
use crate::shared::Shared;
use engine::Engine;
use tape::TapeError;
use wire::exit::Exit;

/// Exit and lines; no lines after a clean end.
pub(crate) fn of(
    shared: &Shared,
    edge: &EdgeTask<'_>,
    engine: &Engine,
    record: Option<&TapeError>,
) -> (Exit, Vec<Line>) {
    let mut causes = Vec::new();
    if engine.counters().rule_kills > 0 {
        let next = "read the alarm before it: `corelane export RUNDIR --what=alarms`";
        causes.push((Exit::Killed, Line::new("a rule of the engine halted the station", "", next)));
    }
    if shared.has_overflowed() {
        let next = "report it with the run's folder: the loop's output bound is wrong";
        causes.push((Exit::Bug, Line::new("an output did not fit its ring", "", next)));
    }
    if let Some(fault) = edge.fault() {
        let exit = if fault.kills() { Exit::Killed } else { Exit::Resource };
        causes.push((exit, of_fault(fault)));
    }
    if shared.is_tape_full() {
        let next = "see why the journal could not keep up: the disk, `corelane ctl status`, or a \
                    larger tape.size_mib; what is on the tape is written by the next start";
        causes.push((Exit::TapeFull, Line::new("tape is full, station halted", "", next)));
    }
    if let Some(error) = record {
        causes.extend(of_tape(error).lines.into_iter().map(|line| (Exit::Journal, line)));
    }
    let gravest = [Exit::Bug, Exit::Killed, Exit::TapeFull, Exit::Journal];
    let rank = |exit: &Exit| gravest.iter().position(|e| e == exit).unwrap_or(gravest.len());
    causes.sort_by_key(|(exit, _)| rank(exit));
    let exit = causes.first().map_or(Exit::Clean, |(exit, _)| *exit);
    (exit, causes.into_iter().map(|(_, line)| line).collect())
}

fn of_fault(fault: EdgeFault) -> Line {
    let why = |text: String| format!("why=\"{text}\"");
    let kill_next = "read the journal (`corelane print`): something wrote an order past the gate";
    let feed_next = "import the recording again with `corelane import`";
    match fault {
        EdgeFault::Unapproved { expected, found } => {
            let fields = format!("approval_expected={expected} approval_found={found}");
            Line::new("order without its approval was refused, station halted", fields, kill_next)
        }
        EdgeFault::NotAnOrder => {
            Line::new("a frame that is no order was refused, station halted", "", kill_next)
        }
        EdgeFault::Venue(error) => {
            Line::new("venue could not read an order", why(error.to_string()), kill_next)
        }
        EdgeFault::Play(error) => {
            Line::new("recording cannot be played on", why(error.to_string()), feed_next)
        }
        EdgeFault::Event { record, why: error } => {
            let fields = format!("record={record} why=\"{error}\"");
            Line::new("recording cannot be played on", fields, feed_next)
        }
    }
}
