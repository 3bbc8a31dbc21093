//! The life of one order in FIX terms: a total function over every (state, event) pair.
//!
//! Fills are facts: whatever state an order is in, a fill that has not been seen is booked. What a
//! pair does not explain is an [`Anomaly`], counted, never dropped in silence. An order leaves
//! [`OrdStatus::Unknown`] only on the venue's word.

use wire::order::OrdStatus;

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderEvent {
    /// The venue accepted it.
    Acked,
    /// The venue filled part of it.
    PartFilled,
    /// The venue filled all that was left.
    AllFilled,
    /// The venue canceled it.
    Canceled,
    /// The venue let it expire.
    Expired,
    /// The venue rejected it.
    Rejected,
    /// We sent a cancel.
    CancelSent,
    /// The venue took the cancel up.
    CancelPending,
    /// The venue refused the cancel or replace; the order works on.
    RequestRefused,
    /// The venue refused the cancel or replace: it knows no such order.
    RequestRefusedUnknown,
    /// We sent a replace.
    ReplaceSent,
    /// The venue took the replace up.
    ReplacePending,
    /// The venue replaced it: this id is done, the new one works.
    Replaced,
    /// A fill was taken back: quantity works or counts again as the venue says.
    FillBusted,
    /// The session to the venue was lost with the order in flight or working.
    SessionLost,
    /// A status answer says the order works, nothing filled.
    StatusWorking,
    /// A status answer says the order works, part filled.
    StatusPartFilled,
}

impl OrderEvent {
    /// Every event, for exhaustive tests.
    pub const ALL: [Self; 17] = [
        Self::Acked,
        Self::PartFilled,
        Self::AllFilled,
        Self::Canceled,
        Self::Expired,
        Self::Rejected,
        Self::CancelSent,
        Self::CancelPending,
        Self::RequestRefused,
        Self::RequestRefusedUnknown,
        Self::ReplaceSent,
        Self::ReplacePending,
        Self::Replaced,
        Self::FillBusted,
        Self::SessionLost,
        Self::StatusWorking,
        Self::StatusPartFilled,
    ];
}

/// Why a pair was unexpected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// The same word twice, or one that time has overtaken: harmless.
    Late,
    /// A fill of an order that was done: booked, and a reason to look.
    FillAfterDone,
    /// The venue contradicts itself or us: the order is unknown until evidence comes.
    Contradiction,
    /// We asked for something the state does not allow: a bug of ours, refused.
    NotAllowed,
}

/// State after an event, and what was odd about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// State after.
    pub next: OrdStatus,
    /// What was odd, if anything.
    pub anomaly: Option<Anomaly>,
}

/// Whether nothing of the order works any more.
#[must_use]
pub const fn is_done(state: OrdStatus) -> bool {
    matches!(
        state,
        OrdStatus::Filled | OrdStatus::Canceled | OrdStatus::Rejected | OrdStatus::Expired
    )
}

/// Whether a cancel may be sent in this state.
#[must_use]
pub const fn may_cancel(state: OrdStatus) -> bool {
    matches!(
        state,
        OrdStatus::PendingNew
            | OrdStatus::New
            | OrdStatus::PartiallyFilled
            | OrdStatus::PendingReplace
            | OrdStatus::Unknown
    )
}

const fn to(next: OrdStatus) -> Step {
    Step { next, anomaly: None }
}

const fn odd(next: OrdStatus, anomaly: Anomaly) -> Step {
    Step { next, anomaly: Some(anomaly) }
}

/// The state after `event`. `filled` says whether anything of the order is filled already.
#[expect(clippy::wildcard_enum_match_arm, reason = "the test walks every (state, event) pair")]
#[must_use]
pub const fn step(state: OrdStatus, event: OrderEvent, filled: bool) -> Step {
    use OrdStatus as S;
    use OrderEvent as E;
    let working = if filled { S::PartiallyFilled } else { S::New };
    match event {
        E::Acked => match state {
            S::PendingNew | S::Unknown => to(working),
            // An ack that a fill or a request has overtaken.
            S::New
            | S::PartiallyFilled
            | S::PendingCancel
            | S::PendingReplace
            | S::Filled
            | S::Canceled
            | S::Expired => odd(state, Anomaly::Late),
            S::Rejected => odd(S::Unknown, Anomaly::Contradiction),
        },
        E::PartFilled => match state {
            S::PendingNew | S::New | S::PartiallyFilled | S::Unknown => to(S::PartiallyFilled),
            S::PendingCancel | S::PendingReplace => to(state),
            S::Filled | S::Canceled | S::Expired | S::Rejected => {
                odd(state, Anomaly::FillAfterDone)
            }
        },
        E::AllFilled => match state {
            S::Filled | S::Canceled | S::Expired | S::Rejected => {
                odd(S::Filled, Anomaly::FillAfterDone)
            }
            _ => to(S::Filled),
        },
        E::Canceled => ended(state, S::Canceled),
        E::Expired => ended(state, S::Expired),
        E::Rejected => match state {
            S::PendingNew | S::Unknown => to(S::Rejected),
            // The cancel left before the venue had judged the order.
            S::PendingCancel if !filled => to(S::Rejected),
            S::Rejected => odd(state, Anomaly::Late),
            S::Filled | S::Canceled | S::Expired => odd(state, Anomaly::Contradiction),
            _ => odd(S::Unknown, Anomaly::Contradiction),
        },
        E::CancelSent => match state {
            // An unknown order stays unknown: only the venue's word leads out.
            S::Unknown => to(S::Unknown),
            s if may_cancel(s) => to(S::PendingCancel),
            _ => odd(state, Anomaly::NotAllowed),
        },
        E::ReplaceSent => match state {
            S::New | S::PartiallyFilled => to(S::PendingReplace),
            _ => odd(state, Anomaly::NotAllowed),
        },
        E::CancelPending => pending(state, S::PendingCancel),
        E::ReplacePending => pending(state, S::PendingReplace),
        E::RequestRefused => match state {
            S::PendingCancel | S::PendingReplace | S::Unknown => to(working),
            _ => odd(state, Anomaly::Late),
        },
        E::RequestRefusedUnknown => {
            if is_done(state) {
                odd(state, Anomaly::Late)
            } else {
                // We hold it for working, the venue knows nothing of it.
                odd(S::Unknown, Anomaly::Contradiction)
            }
        }
        E::Replaced => match state {
            S::PendingReplace | S::PendingCancel | S::Unknown => to(S::Canceled),
            S::Canceled => odd(state, Anomaly::Late),
            s if is_done(s) => odd(state, Anomaly::Contradiction),
            _ => odd(S::Canceled, Anomaly::Contradiction),
        },
        E::FillBusted => match state {
            S::Filled | S::PartiallyFilled | S::New => odd(S::Unknown, Anomaly::Contradiction),
            _ => odd(state, Anomaly::Contradiction),
        },
        E::SessionLost => {
            if is_done(state) {
                to(state)
            } else {
                to(S::Unknown)
            }
        }
        E::StatusWorking | E::StatusPartFilled => match state {
            S::PendingNew | S::Unknown => to(working),
            s if is_done(s) => odd(S::Unknown, Anomaly::Contradiction),
            _ => to(state),
        },
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the test walks every (state, event) pair")]
const fn ended(state: OrdStatus, end: OrdStatus) -> Step {
    match state {
        OrdStatus::Canceled | OrdStatus::Expired => odd(state, Anomaly::Late),
        OrdStatus::Filled | OrdStatus::Rejected => odd(state, Anomaly::Contradiction),
        _ => to(end),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the test walks every (state, event) pair")]
const fn pending(state: OrdStatus, want: OrdStatus) -> Step {
    match state {
        OrdStatus::PendingCancel | OrdStatus::PendingReplace => to(state),
        OrdStatus::New | OrdStatus::PartiallyFilled | OrdStatus::PendingNew => {
            // Somebody else asked (the venue, a mass cancel): believe the venue.
            odd(want, Anomaly::Late)
        }
        _ => odd(state, Anomaly::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The states in the table's order, by their FIX characters.
    const COLUMNS: [OrdStatus; 10] = [
        OrdStatus::PendingNew,
        OrdStatus::New,
        OrdStatus::PartiallyFilled,
        OrdStatus::PendingCancel,
        OrdStatus::PendingReplace,
        OrdStatus::Unknown,
        OrdStatus::Filled,
        OrdStatus::Canceled,
        OrdStatus::Expired,
        OrdStatus::Rejected,
    ];

    /// Every pair's outcome: the state after, `w` for working (`0` with nothing filled, else `1`),
    /// `r` for rejected with nothing filled (else `U!`); `~` late, `+` fill after the end, `!` contradiction, `x` not allowed.
    const TABLE: [(OrderEvent, &str); 17] = [
        //                                  A  0  1  6  E  U  2  4  C  8
        (OrderEvent::Acked, "                w  0~ 1~ 6~ E~ w  2~ 4~ C~ U!"),
        (OrderEvent::PartFilled, "           1  1  1  6  E  1  2+ 4+ C+ 8+"),
        (OrderEvent::AllFilled, "            2  2  2  2  2  2  2+ 2+ 2+ 2+"),
        (OrderEvent::Canceled, "             4  4  4  4  4  4  2! 4~ C~ 8!"),
        (OrderEvent::Expired, "              C  C  C  C  C  C  2! 4~ C~ 8!"),
        (OrderEvent::Rejected, "             8  U! U! r  U! 8  2! 4! C! 8~"),
        (OrderEvent::CancelSent, "           6  6  6  6x 6  U  2x 4x Cx 8x"),
        (OrderEvent::CancelPending, "        6~ 6~ 6~ 6  E  U~ 2~ 4~ C~ 8~"),
        (OrderEvent::RequestRefused, "       A~ 0~ 1~ w  w  w  2~ 4~ C~ 8~"),
        (OrderEvent::RequestRefusedUnknown, "U! U! U! U! U! U! 2~ 4~ C~ 8~"),
        (OrderEvent::ReplaceSent, "          Ax E  E  6x Ex Ux 2x 4x Cx 8x"),
        (OrderEvent::ReplacePending, "       E~ E~ E~ 6  E  U~ 2~ 4~ C~ 8~"),
        (OrderEvent::Replaced, "             4! 4! 4! 4  4  4  2! 4~ C! 8!"),
        (OrderEvent::FillBusted, "           A! U! U! 6! E! U! U! 4! C! 8!"),
        (OrderEvent::SessionLost, "          U  U  U  U  U  U  2  4  C  8"),
        (OrderEvent::StatusWorking, "        w  0  1  6  E  w  U! U! U! U!"),
        (OrderEvent::StatusPartFilled, "     w  0  1  6  E  w  U! U! U! U!"),
    ];

    #[test]
    fn every_pair_has_the_outcome_the_table_names() {
        assert_eq!(COLUMNS.len(), OrdStatus::ALL.len());
        assert_eq!(TABLE.map(|(event, _)| event), {
            let mut all = OrderEvent::ALL;
            all.sort_by_key(|e| TABLE.iter().position(|(event, _)| event == e));
            all
        });
        for (event, row) in TABLE {
            let cells: Vec<&str> = row.split_whitespace().collect();
            assert_eq!(cells.len(), COLUMNS.len(), "{event:?}");
            for (state, cell) in COLUMNS.into_iter().zip(cells) {
                for filled in [false, true] {
                    let cell = match (cell, filled) {
                        ("r", false) => "8",
                        ("r", true) => "U!",
                        (cell, _) => cell,
                    };
                    let (next, mark) = cell.split_at(1);
                    let code = match (next, filled) {
                        ("w", false) => b'0',
                        ("w", true) => b'1',
                        (fix, _) => fix.as_bytes()[0],
                    };
                    let anomaly = match mark {
                        "" => None,
                        "~" => Some(Anomaly::Late),
                        "+" => Some(Anomaly::FillAfterDone),
                        "!" => Some(Anomaly::Contradiction),
                        "x" => Some(Anomaly::NotAllowed),
                        other => panic!("{other} in the table"),
                    };
                    let next = OrdStatus::from_code(code).expect("a FIX state");
                    let got = step(state, event, filled);
                    assert_eq!(got, Step { next, anomaly }, "({state:?}, {event:?}, {filled})");
                }
            }
        }
    }

    #[test]
    fn what_is_done_and_what_may_be_canceled() {
        let named = |f: fn(OrdStatus) -> bool| -> Vec<u8> {
            COLUMNS.into_iter().filter(|s| f(*s)).map(OrdStatus::code).collect()
        };
        assert_eq!(named(is_done), b"24C8");
        assert_eq!(named(may_cancel), b"A01EU");
    }

    /// The rules that must hold for every pair, whatever the table says.
    #[test]
    fn every_pair_is_defined_and_keeps_the_rules() {
        for state in OrdStatus::ALL {
            for event in OrderEvent::ALL {
                for filled in [false, true] {
                    let got = step(*state, event, filled);
                    let what = format!("({state:?}, {event:?}, filled {filled}) -> {got:?}");
                    // Unknown is left only on the venue's word.
                    let ours = matches!(
                        event,
                        OrderEvent::CancelSent | OrderEvent::ReplaceSent | OrderEvent::SessionLost
                    );
                    if *state == OrdStatus::Unknown && ours {
                        assert_eq!(got.next, OrdStatus::Unknown, "{what}");
                    }
                    // A done order never works again by itself; at most it becomes unknown, or
                    // filled when fills arrive after the end.
                    if is_done(*state) && !is_done(got.next) {
                        assert_eq!(got.next, OrdStatus::Unknown, "{what}");
                        assert_eq!(got.anomaly, Some(Anomaly::Contradiction), "{what}");
                    }
                    // A state change on a done order is never silent.
                    if is_done(*state) && got.next != *state {
                        assert!(got.anomaly.is_some(), "{what}");
                    }
                    // A fill of a done order is always reported.
                    let fill = matches!(event, OrderEvent::PartFilled | OrderEvent::AllFilled);
                    if fill && is_done(*state) {
                        assert_eq!(got.anomaly, Some(Anomaly::FillAfterDone), "{what}");
                    }
                    // Whoever is filled in part does not become New.
                    if filled {
                        assert!(got.next != OrdStatus::New || *state == OrdStatus::New, "{what}");
                    }
                }
            }
        }
    }

    fn walk(events: &[OrderEvent]) -> (OrdStatus, usize) {
        let (mut state, mut filled, mut odd) = (OrdStatus::PendingNew, false, 0);
        for event in events {
            let got = step(state, *event, filled);
            filled |= matches!(event, OrderEvent::PartFilled | OrderEvent::AllFilled);
            odd += usize::from(got.anomaly.is_some());
            state = got.next;
        }
        (state, odd)
    }

    #[test]
    fn ordinary_and_racing_lives_end_where_they_must() {
        use OrderEvent as E;
        assert_eq!(walk(&[E::Acked, E::PartFilled, E::AllFilled]), (OrdStatus::Filled, 0));
        assert_eq!(walk(&[E::Acked, E::CancelSent, E::Canceled]), (OrdStatus::Canceled, 0));
        // Fill before the ack, ack late.
        assert_eq!(walk(&[E::PartFilled, E::Acked]), (OrdStatus::PartiallyFilled, 1));
        // Fill wins the race against the cancel.
        let race = [E::Acked, E::CancelSent, E::AllFilled, E::RequestRefused];
        assert_eq!(walk(&race), (OrdStatus::Filled, 1));
        // Fill after the cancel was confirmed: booked, reported.
        assert_eq!(
            walk(&[E::Acked, E::CancelSent, E::Canceled, E::AllFilled]),
            (OrdStatus::Filled, 1)
        );
        // Session lost in flight: unknown until the venue speaks.
        assert_eq!(walk(&[E::SessionLost, E::CancelSent]), (OrdStatus::Unknown, 0));
        assert_eq!(walk(&[E::SessionLost, E::Canceled]), (OrdStatus::Canceled, 0));
        // Partly filled, cancel refused: still partly filled, not new.
        let refused = [E::Acked, E::PartFilled, E::CancelSent, E::RequestRefused];
        assert_eq!(walk(&refused), (OrdStatus::PartiallyFilled, 0));
        // Replace: this id ends.
        assert_eq!(walk(&[E::Acked, E::ReplaceSent, E::Replaced]), (OrdStatus::Canceled, 0));
        // IOC remainder.
        assert_eq!(walk(&[E::PartFilled, E::Expired]), (OrdStatus::Expired, 0));
    }
}
