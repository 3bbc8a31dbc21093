//! The operating mode: a total function over every (mode, event) pair.
//!
//! LIVE is never a default and never restored by a start: only a command leads there. A pair that
//! is not allowed keeps the mode and is refused, never half done.

use wire::station::Mode;

/// What can move the mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeEvent {
    /// The first input of a session.
    Started,
    /// The venue's view equals ours.
    Reconciled,
    /// An operator asks for this mode.
    Command(Mode),
    /// The kill switch, by an operator or a rule.
    Halt,
    /// An operator, with a reason, leads out of HALTED.
    Resume,
    /// Something that forbids new exposure: a difference to the venue, a limit of loss, a lost
    /// session.
    Anomaly,
    /// No order is left working.
    AllDone,
}

impl ModeEvent {
    /// Every event, for exhaustive tests and tables.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Started,
            Self::Reconciled,
            Self::Halt,
            Self::Resume,
            Self::Anomaly,
            Self::AllDone,
        ];
        all.extend(Mode::ALL.iter().map(|m| Self::Command(*m)));
        all
    }
}

/// The mode after `event`; `None` where the event is refused and the mode stays.
#[must_use]
pub const fn transition(mode: Mode, event: ModeEvent) -> Option<Mode> {
    use ModeEvent as E;
    match (mode, event) {
        (Mode::Halted, E::Halt) => None,
        (_, E::Halt) => Some(Mode::Halted),
        (Mode::Boot, E::Started)
        | (Mode::Halted, E::Resume)
        | (
            Mode::Live | Mode::Reducing | Mode::Draining | Mode::Maintenance,
            E::Command(Mode::Reconcile),
        ) => Some(Mode::Reconcile),
        (Mode::Reconcile, E::Reconciled) | (Mode::Draining, E::AllDone) => Some(Mode::Maintenance),
        // To MAINTENANCE only through DRAINING: working orders are canceled first.
        (Mode::Live | Mode::Reducing, E::Command(Mode::Maintenance | Mode::Draining)) => {
            Some(Mode::Draining)
        }
        (Mode::Maintenance | Mode::Reducing, E::Command(Mode::Live)) => Some(Mode::Live),
        (Mode::Live, E::Anomaly) | (Mode::Live | Mode::Maintenance, E::Command(Mode::Reducing)) => {
            Some(Mode::Reducing)
        }
        _ => None,
    }
}

/// Whether a mode lets any new order through (LIVE all, REDUCING those that reduce).
#[must_use]
pub const fn may_trade(mode: Mode) -> bool {
    matches!(mode, Mode::Live | Mode::Reducing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_is_reached_only_by_command() {
        for mode in Mode::ALL {
            for event in ModeEvent::all() {
                if transition(*mode, event) == Some(Mode::Live) {
                    assert_eq!(event, ModeEvent::Command(Mode::Live), "from {mode:?}");
                    assert!(matches!(mode, Mode::Maintenance | Mode::Reducing), "from {mode:?}");
                }
            }
        }
    }

    #[test]
    fn halted_is_left_only_by_resume_and_reached_from_everywhere() {
        for event in ModeEvent::all() {
            let next = transition(Mode::Halted, event);
            assert_eq!(next.is_some(), event == ModeEvent::Resume, "{event:?}");
        }
        assert_eq!(transition(Mode::Halted, ModeEvent::Resume), Some(Mode::Reconcile));
        for mode in Mode::ALL.iter().filter(|m| **m != Mode::Halted) {
            assert_eq!(transition(*mode, ModeEvent::Halt), Some(Mode::Halted));
        }
    }

    #[test]
    fn leaving_live_for_maintenance_drains_first() {
        for mode in [Mode::Live, Mode::Reducing] {
            let next = transition(mode, ModeEvent::Command(Mode::Maintenance));
            assert_eq!(next, Some(Mode::Draining));
        }
        assert_eq!(transition(Mode::Draining, ModeEvent::AllDone), Some(Mode::Maintenance));
        assert_eq!(transition(Mode::Draining, ModeEvent::Command(Mode::Live)), None);
    }

    #[test]
    fn a_start_ends_in_maintenance_without_a_command() {
        let mut mode = Mode::Boot;
        for event in [ModeEvent::Started, ModeEvent::Reconciled, ModeEvent::AllDone] {
            mode = transition(mode, event).unwrap_or(mode);
        }
        assert_eq!(mode, Mode::Maintenance);
        assert!(!may_trade(mode));
    }
}
