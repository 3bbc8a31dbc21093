//! The frames of `corelane ctl`: what is asked for, and what a name stands for.
//!
//! Must never: open a socket.

use crate::cli::{CtlCommand, CtlLimits};
use serde_json::Value;
use station::limits::LimitsFile;
use station::limits::changes::{self, Target};
use station::operator::Failure;
use wire::control::{Command, Control};
use wire::exit::Exit;
use wire::instrument::padded;
use wire::risk::{ChangeSource, EpochStage, LimitField, Scope};
use wire::station::Mode;
use wire::{FrameHeader, InstrumentId, StrategyId, VenueId};

/// One frame, and the number its answer carries.
pub(crate) struct Request {
    pub(crate) frame: Vec<u8>,
    pub(crate) id: u64,
}

impl Request {
    pub(super) fn of(control: &Control) -> Self {
        Self { frame: bytemuck::bytes_of(control).to_vec(), id: control.request_id }
    }
}

/// Makes the frame once a name's id is known.
type Build = Box<dyn FnOnce(Target) -> Request>;

/// What is to be said.
pub(super) enum Wish {
    /// This.
    Say(Request),
    /// The limits in the status.
    Limits,
    /// Something about what has this name.
    About(Named, Build),
}

/// A scope and a name, `strategy:momentum`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    scope: Scope,
    name: String,
}

impl Named {
    fn parse(text: &str) -> Result<Self, Failure> {
        let (word, name) = text.split_once(':').unwrap_or((text, ""));
        let scope = Scope::ALL.iter().find(|scope| scope.name() == word);
        match scope {
            Some(scope) if (*scope == Scope::Firm) == name.is_empty() => {
                Ok(Self { scope: *scope, name: name.to_owned() })
            }
            _ => Err(arguments(
                "scope not understood",
                format!("scope={text} allowed=(firm, venue:NAME, strategy:NAME or symbol:SYMBOL)"),
            )),
        }
    }

    /// The id behind the name, in the names of an engine's status.
    pub(super) fn find(&self, names: &Value) -> Result<Target, Failure> {
        let list = &names[self.scope.name()];
        let index = || list.as_array()?.iter().position(|name| *name == *self.name);
        let target = match self.scope {
            Scope::Firm => Some(Target::Firm),
            Scope::Venue => list[&self.name]
                .as_u64()
                .and_then(|id| u16::try_from(id).ok())
                .map(|id| Target::Venue(VenueId(id))),
            Scope::Strategy => index()
                .and_then(|id| u16::try_from(id).ok())
                .map(|id| Target::Strategy(StrategyId(id))),
            Scope::Symbol => index()
                .and_then(|id| u32::try_from(id).ok())
                .map(|id| Target::Symbol(InstrumentId(id))),
        };
        target.ok_or_else(|| {
            let (scope, name) = (self.scope.name(), &self.name);
            arguments("no such name in the engine", format!("{scope}={name} allowed={list}"))
        })
    }
}

/// The wish behind a command line.
pub(super) fn wish(command: &CtlCommand) -> Result<Wish, Failure> {
    let say = |command, argument, reason: &str| {
        Ok(Wish::Say(Request::of(&control_of(command, argument, text(reason)?))))
    };
    match command {
        CtlCommand::Status => say(Command::Status, 0, ""),
        CtlCommand::Shutdown => say(Command::Shutdown, 0, ""),
        CtlCommand::Mode { mode } => say(Command::Mode, mode_code(mode)?, ""),
        CtlCommand::Roll { reason } => say(Command::Roll, 0, reason),
        CtlCommand::Accept { reason } => say(Command::Accept, 0, reason),
        CtlCommand::Adopt { order } => say(Command::Adopt, *order, ""),
        CtlCommand::Mute { source } => say(Command::Mute, *source, ""),
        CtlCommand::Model { hash } => say(Command::Model, hash_of(hash)?, ""),
        CtlCommand::Halt { scope, reason } => scoped(Command::Halt, scope, reason),
        CtlCommand::Resume { scope, reason } => scoped(Command::Resume, scope, reason),
        CtlCommand::Flatten { scope, reason } => scoped(Command::Flatten, scope, reason),
        CtlCommand::Rearm { strategy: Some(name), reason } => {
            scoped(Command::Rearm, &format!("strategy:{name}"), reason)
        }
        CtlCommand::Rearm { strategy: None, reason } => say(Command::Rearm, 0, reason),
        CtlCommand::Limits { command: None } => Ok(Wish::Limits),
        CtlCommand::Limits { command: Some(CtlLimits::Set { scope, field, value }) } => {
            set(scope, field, *value)
        }
        CtlCommand::Limits { command: Some(CtlLimits::Load { file }) } => {
            let file = LimitsFile::load(file)?;
            let frame = changes::stage(file.epoch, file.sha256, EpochStage::Begin);
            let frame = bytemuck::bytes_of(&frame).to_vec();
            Ok(Wish::Say(Request { frame, id: file.epoch }))
        }
    }
}

/// A command that concerns the whole station or something with a name.
fn scoped(command: Command, scope: &str, reason: &str) -> Result<Wish, Failure> {
    let control = control_of(command, 0, text(reason)?);
    let named = Named::parse(scope)?;
    if named.scope == Scope::Firm {
        // A halt must not depend on anything else being answered first.
        return Ok(Wish::Say(Request::of(&control)));
    }
    let build = move |target: Target| {
        let mut control = control;
        target.put(&mut control.header);
        Request::of(&control)
    };
    Ok(Wish::About(named, Box::new(build)))
}

fn set(scope: &str, field: &str, value: i64) -> Result<Wish, Failure> {
    let named = Named::parse(scope)?;
    let found = LimitField::ALL.iter().find(|known| known.name() == field);
    let Some(field) = found.copied() else {
        let known: Vec<_> = LimitField::ALL.iter().map(|field| field.name()).collect();
        let fields = format!("field={field} allowed={}", known.join(","));
        return Err(arguments("no such limit", fields));
    };
    let build = move |target: Target| {
        let id = u64::from(std::process::id());
        let frame = changes::change(target, field, value, id, ChangeSource::Runtime);
        Request { frame: bytemuck::bytes_of(&frame).to_vec(), id }
    };
    Ok(Wish::About(named, Box::new(build)))
}

/// The frame that asks for the state.
pub(super) fn status() -> Control {
    control_of(Command::Status, 0, [0; 64])
}

/// The frame that asks an engine for an orderly end.
#[must_use]
pub fn shutdown_frame() -> Control {
    control_of(Command::Shutdown, 0, [0; 64])
}

/// A command to the whole station.
pub(super) fn control(command: Command, argument: u64, reason: &str) -> Result<Control, Failure> {
    Ok(control_of(command, argument, text(reason)?))
}

fn control_of(command: Command, argument: u64, reason: [u8; 64]) -> Control {
    Control {
        header: FrameHeader::new::<Control>(),
        request_id: u64::from(std::process::id()),
        argument,
        command: command.code(),
        reserved: [0; 7],
        reason,
    }
}

fn text(reason: &str) -> Result<[u8; 64], Failure> {
    padded::<64>(reason).ok_or_else(|| {
        arguments("the reason is too long", format!("bytes={} allowed=64", reason.len()))
    })
}

fn hash_of(hex: &str) -> Result<u64, Failure> {
    u64::from_str_radix(hex, 16).map_err(|error| {
        let fields = format!("hash={hex} allowed=(up to 16 hex digits) error=\"{error}\"");
        arguments("no model hash", fields)
    })
}

fn mode_code(name: &str) -> Result<u64, Failure> {
    let found = Mode::ALL.iter().find(|mode| mode.name().eq_ignore_ascii_case(name));
    found.map(|mode| u64::from(mode.code())).ok_or_else(|| {
        let known: Vec<&str> = Mode::ALL.iter().map(|mode| mode.name()).collect();
        arguments("unknown mode", format!("mode={name} allowed={}", known.join(",")))
    })
}

fn arguments(what: &str, fields: String) -> Failure {
    Failure::new(Exit::Arguments, what, fields, "say it as allowed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scopes_are_read_and_names_found_in_the_engines_word() {
        let names = json!({
            "symbol": ["BTCUSDT", "ETHUSDT"], "strategy": ["mom"], "venue": {"sim": 3},
        });
        let find = |text: &str| Named::parse(text).and_then(|named| named.find(&names));
        assert_eq!(find("firm"), Ok(Target::Firm));
        assert_eq!(find("venue:sim"), Ok(Target::Venue(VenueId(3))));
        assert_eq!(find("strategy:mom"), Ok(Target::Strategy(StrategyId(0))));
        assert_eq!(find("symbol:ETHUSDT"), Ok(Target::Symbol(InstrumentId(1))));
        for bad in ["", "firm:x", "symbol", "symbol:", "desk:x", "symbol:DOGE", "venue:real"] {
            let failure = find(bad).expect_err(bad);
            assert_eq!(failure.exit, Exit::Arguments, "{bad}");
            assert!(failure.to_string().contains("allowed="), "{failure}");
        }
    }

    #[test]
    fn a_halt_of_the_station_needs_no_other_answer() {
        let halt = |scope: &str| {
            wish(&CtlCommand::Halt { scope: scope.to_owned(), reason: "now".to_owned() })
        };
        assert!(matches!(halt("firm"), Ok(Wish::Say(_))));
        let Ok(Wish::About(named, build)) = halt("symbol:X") else { panic!("needs an id") };
        assert_eq!(named, Named { scope: Scope::Symbol, name: "X".to_owned() });
        let request = build(Target::Symbol(InstrumentId(4)));
        let control: &Control = bytemuck::from_bytes(&request.frame);
        assert_eq!((control.header.instrument_id, control.command), (InstrumentId(4), b'H'));
    }

    #[test]
    fn what_cannot_be_said_is_an_argument_error() {
        let refused = |command: CtlCommand, part: &str| {
            let failure = wish(&command).err().expect("refused");
            assert!(failure.to_string().contains(part), "{failure}");
        };
        refused(CtlCommand::Model { hash: "xyz".into() }, "hash=xyz");
        refused(CtlCommand::Roll { reason: "r".repeat(65) }, "bytes=65");
        refused(CtlCommand::Mode { mode: "fast".into() }, "mode=fast");
        let (scope, field) = ("firm".to_owned(), "max_luck".to_owned());
        let command = Some(CtlLimits::Set { scope, field, value: 1 });
        refused(CtlCommand::Limits { command }, "field=max_luck allowed=max_order_qty_lots,");
    }
}
