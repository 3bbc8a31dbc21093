//! The control socket: what an operator may ask, and the answers.
//!
//! Peers are of the same user (checked by the kernel's word) and greet first. A command that the
//! loop must carry out becomes an input frame; the answer says that it was taken up, not that it
//! had its effect: the status shows that. Must never: change the engine past its inputs. The
//! bridge's thread runs it.

use crate::counters::Counters;
use crate::limits::changes::Target;
use crate::limits::desk::Desk;
use crate::shared::Shared;
use engine::mode::{ModeEvent, may_trade, transition};
use ipc::handshake::{self, Identity, PeerInfo};
use serde_json::{Map, Value, json};
use wire::Frame;
pub(crate) use wire::control::reply;
use wire::control::{Command, Control};
use wire::counters::Counter;
use wire::handshake::{HelloStatus, Role};
use wire::instrument::text_of;
use wire::risk::{LimitChange, LimitsEpoch};
use wire::station::Mode;

/// What is to happen with a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Tell the state.
    Status,
    /// Hand the frame to the loop, for what it concerns.
    Forward(Target),
    /// End the session.
    Stop,
    /// Refuse, with the reason.
    Refuse(String),
}

/// The mode the loop last published.
pub(crate) fn mode_of(counters: &Counters) -> Mode {
    let code = u8::try_from(counters.get(Counter::LoopMode)).ok();
    code.and_then(Mode::from_code).unwrap_or(Mode::Boot)
}

pub(crate) const ENDING: &str = "the session is ending";

/// Judges a command in the present state.
pub(crate) fn judge(control: &Control, mode: Mode, shared: &Shared, desk: &Desk) -> Verdict {
    let command = match Command::from_code(control.command) {
        Some(Command::Status) => return Verdict::Status,
        _ if shared.is_ending() => return Verdict::Refuse(ENDING.to_owned()),
        Some(Command::Shutdown) => return Verdict::Stop,
        Some(command) => command,
        None => return Verdict::Refuse("no such command".to_owned()),
    };
    let target = desk
        .target(&control.header)
        .and_then(|target| objection(command, control, target, mode, desk).map_or(Ok(target), Err));
    match target {
        Ok(target) => Verdict::Forward(target),
        Err(why) => Verdict::Refuse(why),
    }
}

/// Why a command must not reach the loop now.
fn objection(
    command: Command,
    control: &Control,
    target: Target,
    mode: Mode,
    desk: &Desk,
) -> Option<String> {
    let name = command.name();
    let scoped = matches!(command, Command::Halt | Command::Resume | Command::Flatten);
    if target != Target::Firm && !scoped && command != Command::Rearm {
        return Some(format!("{name} concerns the whole station"));
    }
    if needs_reason(command) && text_of(&control.reason).trim().is_empty() {
        return Some(format!("{name} needs a reason"));
    }
    let refused = match command {
        Command::Resume if target == Target::Firm && mode != Mode::Halted => {
            return Some(format!("mode is {}, not HALTED", mode.name()));
        }
        Command::Mode => return mode_objection(control, mode, desk),
        Command::Flatten if !may_trade(mode) => {
            return Some(format!("mode is {}: nothing may trade", mode.name()));
        }
        Command::Rearm => {
            let names_one = matches!(target, Target::Strategy(_));
            let station = target == Target::Firm && mode == Mode::Maintenance;
            (!names_one && !station)
                .then_some("rearm names a strategy, or the station in MAINTENANCE")
        }
        Command::Adopt => (control.argument == 0).then_some("adopt names a venue order id"),
        Command::Model => (control.argument == 0).then_some("model names a hash"),
        Command::Status
        | Command::Shutdown
        | Command::Halt
        | Command::Resume
        | Command::Flatten
        | Command::Roll
        | Command::Accept
        | Command::Mute => None,
    };
    refused.map(str::to_owned)
}

const fn needs_reason(command: Command) -> bool {
    matches!(command, Command::Resume | Command::Rearm | Command::Roll | Command::Accept)
}

fn mode_objection(control: &Control, mode: Mode, desk: &Desk) -> Option<String> {
    match u8::try_from(control.argument).ok().and_then(Mode::from_code) {
        None => Some("no such mode".to_owned()),
        Some(to) if transition(mode, ModeEvent::Command(to)).is_none() => {
            Some(format!("no command leads from {} to {}", mode.name(), to.name()))
        }
        Some(_) if desk.is_taking() => Some("a limits file is being taken: try again".to_owned()),
        Some(_) => None,
    }
}

/// Judges a peer's first frame. The answer to send, and whether the peer may stay.
pub(crate) fn greet(me: &Identity, frame: &[u8]) -> (wire::handshake::HelloAck, bool) {
    match handshake::accept(me, &[Role::Ctl], frame) {
        Ok(_) => (me.ack(HelloStatus::Accepted), true),
        Err(error) => (me.ack(error.status().unwrap_or(HelloStatus::Role)), false),
    }
}

/// What an operator asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A command.
    Control(Control),
    /// One limit is to become tighter.
    Change(LimitChange),
    /// The configured limits file is to be taken: the one of this epoch and hash.
    Load(LimitsEpoch),
}

/// What an operator asks for in a frame, if it is such a frame.
pub(crate) fn asked(frame: &[u8]) -> Option<Asked> {
    match wire::decode(frame) {
        Ok(Frame::Control(control)) => Some(Asked::Control(*control)),
        Ok(Frame::LimitChange(change)) => Some(Asked::Change(*change)),
        Ok(Frame::LimitsEpoch(epoch)) => Some(Asked::Load(*epoch)),
        _ => None,
    }
}

/// The state as JSON, for `corelane ctl status`.
pub(crate) fn status(
    counters: &Counters,
    shared: &Shared,
    desk: &Desk,
    peer: Option<&PeerInfo>,
) -> Value {
    let values: Map<String, Value> = Counter::ALL
        .iter()
        .map(|counter| (counter.name().to_owned(), json!(counters.get(*counter))))
        .collect();
    json!({
        "mode": mode_of(counters).name(),
        "pid": std::process::id(),
        "engine_time_ns": counters.get(Counter::LoopEngineTime),
        "ending": shared.is_ending(),
        "killed": shared.is_killed(),
        "durability": durability(counters, shared),
        "signal": {
            "up": peer.is_some(),
            "backend": peer.map(PeerInfo::backend_text),
            "model_hash": peer.map(|peer| format!("{:016x}", peer.model_hash)),
            "generation": peer.map(|peer| peer.generation),
        },
        "limits": desk.status(),
        "names": desk.names(),
        "counters": values,
    })
}

/// The last frame at each level: what survives the death of the process from the tape on, what a
/// crash of the machine's processes from the page cache on, what a loss of power once synced.
fn durability(counters: &Counters, shared: &Shared) -> Value {
    let get = |counter| counters.get(counter);
    json!({
        "tape_frame": get(Counter::TapeFrame),
        "written_frame": get(Counter::JournalWritten),
        "synced_frame": get(Counter::JournalSynced),
        "tape_fill_e3": get(Counter::TapeFill),
        "tape_full": shared.is_tape_full(),
        "segment": get(Counter::JournalSegment),
        "syncs": get(Counter::JournalSyncs),
        "sync_ns_max": get(Counter::JournalSyncMax),
        "next_segment_has_room": !shared.is_journal_short(),
        "failed": shared.is_record_failed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::{ask_mode, control};
    use wire::TsNs;
    use wire::control::ReplyCode;

    #[test]
    fn commands_are_judged_by_mode_and_reason() {
        let (shared, desk) = (Shared::default(), Desk::default());
        let judge = |control: &Control, mode| judge(control, mode, &shared, &desk);
        let forward = Verdict::Forward(Target::Firm);
        let resume = |reason| control(Command::Resume, 0, reason, TsNs::UNDEF);
        let refused = |verdict| matches!(verdict, Verdict::Refuse(_));
        assert!(refused(judge(&resume(" "), Mode::Halted)), "no reason");
        assert!(refused(judge(&resume("fixed"), Mode::Live)), "not halted");
        assert_eq!(judge(&resume("fixed"), Mode::Halted), forward);
        let live = ask_mode(Mode::Live, "", TsNs::UNDEF);
        assert_eq!(judge(&live, Mode::Maintenance), forward);
        assert!(refused(judge(&live, Mode::Halted)));
        let halt = control(Command::Halt, 0, "", TsNs::UNDEF);
        for mode in Mode::ALL {
            assert_eq!(judge(&halt, *mode), forward);
        }
        let flatten = control(Command::Flatten, 0, "", TsNs::UNDEF);
        assert!(refused(judge(&flatten, Mode::Maintenance)), "nothing may trade");
        assert_eq!(judge(&flatten, Mode::Reducing), forward);
        shared.begin_end();
        assert!(refused(judge(&live, Mode::Maintenance)), "ending");
        let status = control(Command::Status, 0, "", TsNs::UNDEF);
        assert_eq!(judge(&status, Mode::Live), Verdict::Status);
    }

    #[test]
    fn a_command_names_what_it_needs_and_nothing_the_station_lacks() {
        let (shared, desk) = (Shared::default(), crate::limits::tests::desk());
        let judge = |control: &Control| judge(control, Mode::Live, &shared, &desk);
        let refused = |control: &Control, part: &str| {
            let verdict = judge(control);
            let Verdict::Refuse(why) = &verdict else { panic!("{verdict:?}") };
            assert!(why.contains(part), "{part:?} in {why}");
        };
        for command in [Command::Rearm, Command::Roll, Command::Accept] {
            refused(&control(command, 0, " ", TsNs::UNDEF), "needs a reason");
        }
        refused(&control(Command::Rearm, 0, "seen", TsNs::UNDEF), "names a strategy");
        refused(&control(Command::Adopt, 0, "", TsNs::UNDEF), "order id");
        refused(&control(Command::Model, 0, "", TsNs::UNDEF), "hash");
        let of = |command, target: Target| {
            let mut frame = control(command, 0, "seen", TsNs::UNDEF);
            target.put(&mut frame.header);
            frame
        };
        let first = Target::Strategy(wire::StrategyId(0));
        assert_eq!(judge(&of(Command::Rearm, first)), Verdict::Forward(first));
        refused(&of(Command::Halt, Target::Strategy(wire::StrategyId(9))), "no such strategy");
        refused(&of(Command::Halt, Target::Symbol(wire::InstrumentId(9))), "no such symbol");
        refused(&of(Command::Roll, first), "the whole station");
        let mut both = of(Command::Halt, first);
        both.header.instrument_id = wire::InstrumentId(0);
        refused(&both, "more than one");
        assert_eq!(
            judge(&control(Command::Roll, 0, "day", TsNs::UNDEF)),
            Verdict::Forward(Target::Firm)
        );
    }

    #[test]
    fn a_reply_of_any_length_decodes() {
        for len in [0, 1, 7, 8, 9, 70_000] {
            let words = reply(9, ReplyCode::Ok, &"\u{e9}".repeat(len));
            let mut aligned = vec![0_u64; words.len() / 8];
            bytemuck::cast_slice_mut(&mut aligned).copy_from_slice(&words);
            let decoded = wire::decode(bytemuck::cast_slice(&aligned));
            assert!(matches!(decoded, Ok(Frame::ControlReply(head, _)) if head.request_id == 9));
        }
    }
}
