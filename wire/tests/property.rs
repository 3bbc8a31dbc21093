//! Properties of the decoder and the codecs over arbitrary input: no panic, nothing accepted that
//! does not re-encode to the same bytes, and the same answers as a naive oracle.

use corelane_wire::bindings::golden::{self, Aligned};
use corelane_wire::decimal::{DecimalError, E9, Increments, parse_e9, parse_increments};
use corelane_wire::frame::{Depth, Frame, MAX_FRAME_BYTES, decode, header};
use corelane_wire::instrument::Instrument;
use corelane_wire::signal::{DEPTH, FEATURES, OFFSET_SCALE, SnapshotLevel, WINDOW, input_window};
use corelane_wire::{PriceTicks, QtyLots};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn joined<H: bytemuck::Pod>(depth: &Depth<'_, H>) -> Vec<u8> {
    let levels = [bytemuck::cast_slice::<_, u8>(depth.bids), bytemuck::cast_slice(depth.asks)];
    [bytemuck::bytes_of(depth.head), &levels.concat()].concat()
}

fn padded(head: &impl bytemuck::Pod, text: &[u8]) -> Vec<u8> {
    let mut bytes = [bytemuck::bytes_of(head), text].concat();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// The bytes of a decoded frame, made from its typed views alone.
fn encode(frame: &Frame<'_>) -> Vec<u8> {
    match frame {
        Frame::DepthDelta(depth) => joined(depth),
        Frame::BookSnapshot(depth) => joined(depth),
        Frame::ControlReply(head, text) => padded(*head, text),
        Frame::Trade(f) => padded(*f, &[]),
        Frame::Quote(f) => padded(*f, &[]),
        Frame::Gap(f) => padded(*f, &[]),
        Frame::Status(f) => padded(*f, &[]),
        Frame::Instrument(f) => padded(*f, &[]),
        Frame::NewOrder(f) => padded(*f, &[]),
        Frame::CancelOrder(f) => padded(*f, &[]),
        Frame::ReplaceOrder(f) => padded(*f, &[]),
        Frame::ExecutionReport(f) => padded(*f, &[]),
        Frame::CancelReject(f) => padded(*f, &[]),
        Frame::Denied(f) => padded(*f, &[]),
        Frame::SignalRequest(f) => padded(*f, &[]),
        Frame::SignalResponse(f) => padded(*f, &[]),
        Frame::Hello(f) => padded(*f, &[]),
        Frame::HelloAck(f) => padded(*f, &[]),
        Frame::ModelCommand(f) => padded(*f, &[]),
        Frame::ModelChange(f) => padded(*f, &[]),
        Frame::Doorbell(f) => padded(*f, &[]),
        Frame::Advice(f) => padded(*f, &[]),
        Frame::Control(f) => padded(*f, &[]),
        Frame::Timer(f) => padded(*f, &[]),
        Frame::ModeChange(f) => padded(*f, &[]),
        Frame::SessionStart(f) => padded(*f, &[]),
        Frame::SessionEnd(f) => padded(*f, &[]),
        Frame::ParentOrder(f) => padded(*f, &[]),
        Frame::MassStatusRequest(f) => padded(*f, &[]),
        Frame::OrderStatusRequest(f) => padded(*f, &[]),
        Frame::OrderStatusReport(f) => padded(*f, &[]),
        Frame::PositionReport(f) => padded(*f, &[]),
        Frame::MassStatusEnd(f) => padded(*f, &[]),
        Frame::VenueSession(f) => padded(*f, &[]),
        Frame::RiskInput(f) => padded(*f, &[]),
        Frame::LimitChange(f) => padded(*f, &[]),
        Frame::LimitsEpoch(f) => padded(*f, &[]),
        Frame::Alarm(f) => padded(*f, &[]),
        Frame::KillReport(f) => padded(*f, &[]),
    }
}

/// Decodes; what is accepted must re-encode to the same bytes. Whether it was accepted.
fn decodes_or_refuses(bytes: &[u8]) -> bool {
    let aligned = Aligned::copy_of(bytes);
    let _ = header(aligned.bytes());
    match decode(aligned.bytes()) {
        Ok(frame) => {
            assert_eq!(encode(&frame), bytes, "re-encodes to other bytes");
            true
        }
        Err(_) => false,
    }
}

/// Bytes with a header good enough to reach the body's checks.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(corelane_wire::FrameKind::ALL);
    (kinds, prop::collection::vec(prop_oneof![3 => Just(0_u8), 1 => any::<u8>()], 40..400))
        .prop_map(|(kind, mut bytes)| {
            bytes.truncate(bytes.len() / 8 * 8);
            let len = u32::try_from(bytes.len()).expect("short");
            bytes[..4].copy_from_slice(&len.to_le_bytes());
            bytes[4..6].copy_from_slice(&kind.code().to_le_bytes());
            bytes[6..8].copy_from_slice(&[1, 0]);
            bytes
        })
}

/// A golden frame with a few bytes changed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (prop::sample::select(golden::frames()), changes).prop_map(|(mut frame, changes)| {
        for (at, value) in changes {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        frame
    })
}

/// Decimal text, most of it well-formed.
fn decimal_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "-?[0-9]{0,11}(\\.[0-9]{0,12})?",
        1 => "[-+.0-9eE x]{0,14}",
        1 => (any::<i64>(), 1..=9_u32).prop_map(|(value, decimals)| {
            let scale = 10_u64.pow(decimals);
            let sign = if value < 0 { "-" } else { "" };
            let value = value.unsigned_abs();
            let decimals = usize::try_from(decimals).expect("one digit");
            format!("{sign}{}.{:0decimals$}", value / scale, value % scale)
        }),
    ]
}

/// What [`parse_e9`] must say, told from the text's parts in 128 bits.
fn naive_e9(text: &str) -> Result<i64, DecimalError> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(DecimalError::Malformed);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return Err(DecimalError::OutOfRange);
    }
    let number: i128 = format!("0{whole}{fraction:0<9}").parse().expect("digits");
    i64::try_from(number).map(|number| sign * number).map_err(|_| DecimalError::OutOfRange)
}

fn snapshot_level() -> impl Strategy<Value = SnapshotLevel> {
    let price = || prop_oneof![4 => 1..100_000_000_i64, 1 => any::<i64>()];
    (price(), any::<i64>(), price(), any::<i64>()).prop_map(|(ask, ask_qty, bid, bid_qty)| {
        SnapshotLevel {
            ask_price_ticks: PriceTicks(ask),
            ask_qty_lots: QtyLots(ask_qty),
            bid_price_ticks: PriceTicks(bid),
            bid_qty_lots: QtyLots(bid_qty),
        }
    })
}

/// A whole window: usually sane prices, so that an input exists, sometimes any numbers.
fn window() -> impl Strategy<Value = Vec<SnapshotLevel>> {
    let sane = (1_000_000..9_000_000_i64, any::<u32>()).prop_map(|(price, qty)| SnapshotLevel {
        ask_price_ticks: PriceTicks(price + 1),
        ask_qty_lots: QtyLots(qty.into()),
        bid_price_ticks: PriceTicks(price),
        bid_qty_lots: QtyLots(qty.into()),
    });
    prop_oneof![
        prop::collection::vec(sane, WINDOW * DEPTH),
        prop::collection::vec(snapshot_level(), WINDOW * DEPTH),
    ]
}

fn naive_input(window: &[SnapshotLevel]) -> Option<Vec<i64>> {
    let newest = &window[(WINDOW - 1) * DEPTH];
    let mid = i128::from(newest.ask_price_ticks.0) + i128::from(newest.bid_price_ticks.0);
    if mid <= 0 || mid > i128::from(i64::MAX) {
        return None;
    }
    let offset = |price: PriceTicks| {
        let twice = 2 * i128::from(price.0);
        let scaled = (twice - mid) * i128::from(OFFSET_SCALE);
        i64::try_from(twice).ok()?;
        i64::try_from(scaled).ok()?;
        i64::try_from(scaled / mid).ok()
    };
    let mut out = Vec::new();
    for level in window {
        out.extend([offset(level.ask_price_ticks)?, level.ask_qty_lots.0]);
        out.extend([offset(level.bid_price_ticks)?, level.bid_qty_lots.0]);
    }
    Some(out)
}

/// Failures are kept beside this file, to be committed.
fn config() -> ProptestConfig {
    let persistence = FileFailurePersistence::WithSource("proptest-regressions");
    ProptestConfig {
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::with_cases(2048)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_are_refused_or_reencode(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        decodes_or_refuses(&bytes);
    }

    #[test]
    fn a_plausible_header_with_any_body_is_refused_or_reencodes(bytes in plausible()) {
        decodes_or_refuses(&bytes);
    }

    #[test]
    fn a_changed_golden_frame_is_refused_or_reencodes(bytes in mutated()) {
        decodes_or_refuses(&bytes);
    }

    #[test]
    fn decimal_text_parses_as_the_naive_way(text in decimal_text()) {
        prop_assert_eq!(parse_e9(text.as_bytes()), naive_e9(&text), "{}", text);
    }

    #[test]
    fn any_bytes_are_no_danger_to_the_decimal_parser(
        bytes in prop::collection::vec(any::<u8>(), 0..40), increment: i64,
    ) {
        let _ = parse_e9(&bytes);
        let _ = parse_increments(&bytes, increment);
    }

    #[test]
    fn increments_print_what_parses_back(
        count in -1_000_000_000..1_000_000_000_i64, increment in 1..E9,
    ) {
        let text = Increments { count, increment_e9: increment }.to_string();
        let in_range = count.checked_mul(increment).is_some();
        let expected = if in_range { Ok(count) } else { Err(DecimalError::OutOfRange) };
        prop_assert_eq!(parse_increments(text.as_bytes(), increment), expected, "{}", text);
    }

    #[test]
    fn any_increments_print_without_a_panic(count: i64, increment_e9: i64) {
        let text = Increments { count, increment_e9 }.to_string();
        prop_assert!(!text.is_empty());
    }

    #[test]
    fn a_tick_value_is_exact_or_absent(tick: i64, lot: i64) {
        let mut frame: Instrument = bytemuck::Zeroable::zeroed();
        frame.tick_size_e9 = tick;
        frame.lot_size_e9 = lot;
        let product = i128::from(tick) * i128::from(lot);
        if let Some(value) = frame.tick_value_e9() {
            prop_assert_eq!(i128::from(value) * i128::from(E9), product);
        } else {
            let whole = product > 0 && product % i128::from(E9) == 0;
            prop_assert!(!whole || i64::try_from(product / i128::from(E9)).is_err());
        }
    }

    #[test]
    fn the_model_input_is_that_of_wide_arithmetic(levels in window()) {
        let window: [SnapshotLevel; WINDOW * DEPTH] = levels.clone().try_into().unwrap();
        let input = input_window(&window).map(|input| input.to_vec());
        prop_assert!(input.as_ref().is_none_or(|input| input.len() == WINDOW * FEATURES));
        prop_assert_eq!(input, naive_input(&levels));
    }
}

#[test]
fn every_golden_frame_reencodes() {
    assert!(golden::frames().iter().all(|frame| decodes_or_refuses(frame)));
}

#[test]
fn the_corpus_is_refused_or_reencodes() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let (mut accepted, mut refused) = (0, 0);
    for entry in std::fs::read_dir(corpus).expect("the corpus") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a corpus file");
        assert!(bytes.len() <= MAX_FRAME_BYTES + 8, "{}", path.display());
        *if decodes_or_refuses(&bytes) { &mut accepted } else { &mut refused } += 1;
    }
    assert!(accepted >= 20 && refused >= 20, "corpus: {accepted} frames, {refused} refused");
}
