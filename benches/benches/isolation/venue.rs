//! The venue of the benches that run a whole loop: what it answers before the loop goes live.
//!
//! Must never: be timed.

use bytemuck::Zeroable;
use station::link::{LinkRx, LinkTx};
use station::stamps::{INPUT_STAMPS, ORDER_STAMPS};
use wire::reconcile::{MassStatusEnd, MassStatusRequest, PositionReport};
use wire::{FrameHeader, InstrumentId, MoneyE9, PriceTicks, TsNs};

/// Tells the loop that nothing is open at the venue: with that it goes live.
pub(crate) fn nothing_is_open(
    to_loop: &mut LinkTx<INPUT_STAMPS>,
    orders: &mut LinkRx<ORDER_STAMPS>,
    rows: usize,
    at: TsNs,
) {
    let message = orders.take().expect("the loop asks the venue");
    let asked: MassStatusRequest = *bytemuck::try_from_bytes(message.frame).expect("a mass status");
    let venue = asked.header.venue_id;
    for row in 0..u32::try_from(rows).expect("few") {
        let mut report = PositionReport::zeroed();
        report.header = FrameHeader::new::<PositionReport>();
        (report.header.instrument_id, report.header.venue_id) = (InstrumentId(row), venue);
        report.header.ts_recv_ns = at;
        report.mass_status_id = asked.mass_status_id;
        report.avg_px_ticks = PriceTicks::UNDEF;
        report.balance_e9 = MoneyE9(i64::MAX);
        assert!(to_loop.push([0, 0], bytemuck::bytes_of(&report)), "a fresh ring");
    }
    let mut end = MassStatusEnd::zeroed();
    end.header = FrameHeader::new::<MassStatusEnd>();
    (end.header.venue_id, end.header.ts_recv_ns) = (venue, at);
    end.mass_status_id = asked.mass_status_id;
    end.positions = u32::try_from(rows).expect("few");
    assert!(to_loop.push([0, 0], bytemuck::bytes_of(&end)), "a fresh ring");
}
