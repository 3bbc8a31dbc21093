//! The edge's half of the gate: an order passes only with the very next approval.
//!
//! The engine numbers its approvals without a hole; a repeated, skipped or missing number means
//! that something other than the gate wrote an order, and trips the kill rule. No allocation.

use wire::{DecodeError, Frame, FrameKind};

/// Whether a frame of this kind goes to the venue: orders, cancels and questions.
#[must_use]
pub const fn goes_to_venue(kind: FrameKind) -> bool {
    use FrameKind::{CancelOrder, MassStatusRequest, NewOrder, OrderStatusRequest, ReplaceOrder};
    matches!(kind, NewOrder | CancelOrder | ReplaceOrder | MassStatusRequest | OrderStatusRequest)
}

/// What the edge makes of an order frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Approved, or in no need of it: send it. `counts` where it spends an approval (new and
    /// replace).
    Send {
        /// Whether an approval was spent.
        counts: bool,
    },
    /// The approval is not the next: refuse it and trip the kill rule.
    Unapproved {
        /// The number that was due.
        expected: u64,
        /// The number it carried.
        found: u64,
    },
    /// No order frame at all: refuse it and trip the kill rule.
    NotAnOrder,
}

/// Counts approvals.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApprovalCheck {
    spent: u64,
}

impl ApprovalCheck {
    /// Judges one frame on its way out.
    ///
    /// # Errors
    /// A frame that does not decode.
    #[expect(clippy::wildcard_enum_match_arm, reason = "five kinds are requests, the rest are not")]
    pub fn judge(&mut self, frame: &[u8]) -> Result<Checked, DecodeError> {
        let found = match wire::decode(frame)? {
            Frame::NewOrder(order) => order.approval_seq,
            Frame::ReplaceOrder(order) => order.approval_seq,
            // A cancel only takes exposure away, a question changes nothing: neither needs one.
            Frame::CancelOrder(_) | Frame::MassStatusRequest(_) | Frame::OrderStatusRequest(_) => {
                return Ok(Checked::Send { counts: false });
            }
            _ => return Ok(Checked::NotAnOrder),
        };
        let expected = self.spent + 1;
        if found != expected {
            return Ok(Checked::Unapproved { expected, found });
        }
        self.spent = expected;
        Ok(Checked::Send { counts: true })
    }

    /// Approvals spent so far: orders and replaces sent.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;
    use wire::FrameHeader;
    use wire::order::{CancelOrder, NewOrder};
    use wire::reconcile::{MassStatusRequest, OrderStatusRequest};

    fn order(approval_seq: u64) -> NewOrder {
        NewOrder {
            header: FrameHeader::new::<NewOrder>(),
            approval_seq,
            qty_lots: wire::QtyLots(1),
            side: b'1',
            ord_type: b'2',
            time_in_force: b'1',
            ..Zeroable::zeroed()
        }
    }

    #[test]
    fn what_goes_to_the_venue_is_what_the_edge_lets_pass() {
        for kind in FrameKind::ALL {
            let passes = (16..=20).contains(&kind.code());
            assert_eq!(goes_to_venue(*kind), passes, "{kind:?}");
        }
    }

    #[test]
    fn only_the_next_approval_passes() {
        let mut check = ApprovalCheck::default();
        let mut judge = |seq| check.judge(bytemuck::bytes_of(&order(seq)));
        assert_eq!(judge(0), Ok(Checked::Unapproved { expected: 1, found: 0 }));
        assert_eq!(judge(1), Ok(Checked::Send { counts: true }));
        assert_eq!(judge(1), Ok(Checked::Unapproved { expected: 2, found: 1 }), "used twice");
        assert_eq!(judge(3), Ok(Checked::Unapproved { expected: 2, found: 3 }), "skipped");
        assert_eq!(judge(2), Ok(Checked::Send { counts: true }));
        let cancel =
            CancelOrder { header: FrameHeader::new::<CancelOrder>(), ..Zeroable::zeroed() };
        assert_eq!(check.judge(bytemuck::bytes_of(&cancel)), Ok(Checked::Send { counts: false }));
        let free = Ok(Checked::Send { counts: false });
        let mass = MassStatusRequest {
            header: FrameHeader::new::<MassStatusRequest>(),
            ..Zeroable::zeroed()
        };
        assert_eq!(check.judge(bytemuck::bytes_of(&mass)), free);
        let one = OrderStatusRequest {
            header: FrameHeader::new::<OrderStatusRequest>(),
            ..Zeroable::zeroed()
        };
        assert_eq!(check.judge(bytemuck::bytes_of(&one)), free);
        let halt = crate::inputs::control(wire::control::Command::Halt, 0, "", wire::TsNs(0));
        assert_eq!(check.judge(bytemuck::bytes_of(&halt)), Ok(Checked::NotAnOrder));
        assert_eq!(check.spent(), 2);
    }
}
