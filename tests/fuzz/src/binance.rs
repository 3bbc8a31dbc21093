//! libFuzzer target: any text through the quick Binance decoder and the general JSON parser; both
//! must see the same events or the same error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use venues::binance::Decoder;
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, padded};
use wire::{InstrumentId, QtyLots, VenueId};

fn decoder() -> Decoder {
    let mut header = FrameHeader::new::<Instrument>();
    header.instrument_id = InstrumentId(0);
    header.venue_id = VenueId(1);
    let row = Instrument {
        header,
        symbol: padded("BTCUSDT").expect("short"),
        tick_size_e9: 10_000_000,
        lot_size_e9: 1_000,
        min_qty_lots: QtyLots(1),
        max_qty_lots: QtyLots(i64::MAX),
        min_notional_e9: 0,
        instrument_type: b'S',
        reserved: [0; 23],
    };
    Decoder::new(&[row]).expect("one sound row")
}

thread_local! {
    static DECODER: RefCell<Decoder> = RefCell::new(decoder());
}

fuzz_target!(|data: &[u8]| {
    DECODER.with_borrow_mut(|decoder| {
        let fast = format!("{:?}", decoder.decode(data));
        let general = format!("{:?}", decoder.decode_general(data));
        assert_eq!(fast, general, "{}", String::from_utf8_lossy(data));
    });
});
