//! libFuzzer target: any text through the quick Binance decoder and the general JSON parser; both
//! must see the same events or the same error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use venues::binance::Decoder;
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, padded};
use wire::{InstrumentId, QtyLots, VenueId};

fn row(id: u32, symbol: &str, tick: i64, lot: i64, kind: u8) -> Instrument {
    let mut header = FrameHeader::new::<Instrument>();
    header.instrument_id = InstrumentId(id);
    header.venue_id = VenueId(1);
    Instrument {
        header,
        symbol: padded(symbol).expect("short"),
        tick_size_e9: tick,
        lot_size_e9: lot,
        min_qty_lots: QtyLots(1),
        max_qty_lots: QtyLots(i64::MAX),
        min_notional_e9: 0,
        instrument_type: kind,
        reserved: [0; 23],
    }
}

/// One table of a single instrument (its snapshots name none) and one of several: numbers with and
/// without a dot, increments that are no power of ten, a price that fits no word of eight digits.
fn decoders() -> [Decoder; 2] {
    let spot = [row(0, "BTCUSDT", 10_000_000, 1_000, b'S')];
    let several = [
        row(0, "ETHUSDT", 10_000_000, 1_000_000, b'L'),
        row(1, "BTCUSD_PERP", 100_000_000, 1_000_000_000, b'I'),
        row(2, "BTCUSDT", 250_000_000, 5_000_000, b'S'),
        row(3, "X", 10, 1_000_000_000, b'S'),
    ];
    [Decoder::new(&spot), Decoder::new(&several)].map(|made| made.expect("sound rows"))
}

thread_local! {
    static DECODERS: RefCell<[Decoder; 2]> = RefCell::new(decoders());
}

fuzz_target!(|data: &[u8]| {
    DECODERS.with_borrow_mut(|decoders| {
        for decoder in decoders {
            let fast = format!("{:?}", decoder.decode(data));
            let general = format!("{:?}", decoder.decode_general(data));
            assert_eq!(fast, general, "{}", String::from_utf8_lossy(data));
        }
    });
});
