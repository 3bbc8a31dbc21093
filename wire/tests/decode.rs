//! The decoder against hostile bytes, rule by rule: every length, version, kind, flag, code, range
//! and reserved byte, each at and beyond what is allowed.

use corelane_wire::bindings::golden::{self, Aligned};
use corelane_wire::frame::{DecodeError, FrameKind, HEADER_BYTES, MAX_FRAME_BYTES, decode};
use corelane_wire::layout::{self, FieldLayout, Rule, StructLayout};
use corelane_wire::{FrameHeader, PriceTicks, QtyLots, market};

fn verdict(bytes: &[u8]) -> Result<(), DecodeError> {
    decode(Aligned::copy_of(bytes).bytes()).map(|_| ())
}

fn layout_of(frame: &[u8]) -> StructLayout {
    let kind = u16::from_le_bytes([frame[4], frame[5]]);
    let name = format!("{:?}", FrameKind::from_code(kind).expect("a kind"));
    layout::all().into_iter().find(|layout| layout.name == name).expect("a layout")
}

/// Every golden frame with each field of its struct and the rules of that field.
fn each_field(mut visit: impl FnMut(&[u8], &FieldLayout, &[Rule], &str)) {
    for frame in golden::frames() {
        let layout = layout_of(&frame);
        let rules = layout::rules().into_iter().find(|rules| rules.name == layout.name);
        let rules = rules.expect("rules of every frame");
        for field in layout.fields.iter().filter(|field| field.name != "header") {
            let of_field = rules.rules.iter().filter(|rule| rule.field == field.name);
            let of_field: Vec<Rule> = of_field.map(|rule| rule.rule).collect();
            visit(&frame, field, &of_field, &format!("{}.{}", layout.name, field.name));
        }
    }
}

fn with(frame: &[u8], field: &FieldLayout, value: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[field.offset..field.offset + field.size].copy_from_slice(&value[..field.size]);
    frame
}

fn offset(field: &FieldLayout) -> u16 {
    u16::try_from(field.offset).expect("within a frame")
}

fn set_len(frame: &mut [u8], len: usize) {
    frame[..4].copy_from_slice(&u32::try_from(len).expect("32 bits").to_le_bytes());
}

#[test]
fn golden_frames_decode() {
    for frame in golden::frames() {
        assert_eq!(verdict(&frame), Ok(()), "{}", layout_of(&frame).name);
    }
}

#[test]
fn every_shorter_or_longer_piece_is_refused() {
    for frame in golden::frames() {
        let name = layout_of(&frame).name;
        for len in 0..frame.len() {
            assert_eq!(verdict(&frame[..len]), Err(DecodeError::Truncated), "{name} at {len}");
        }
        let longer = [&frame[..], &[0; 8]].concat();
        assert_eq!(verdict(&longer), Err(DecodeError::BadLength), "{name}");
    }
}

#[test]
fn a_header_that_lies_about_the_length_is_refused() {
    for frame in golden::frames() {
        let name = layout_of(&frame).name;
        for len in (0..frame.len()).step_by(8) {
            let mut shorter = frame[..len].to_vec();
            if len >= HEADER_BYTES {
                set_len(&mut shorter, len);
                assert_eq!(verdict(&shorter), Err(DecodeError::BadLength), "{name} at {len}");
            }
        }
        let mut longer = [&frame[..], &[0; 8]].concat();
        set_len(&mut longer, frame.len() + 8);
        assert!(verdict(&longer).is_err(), "{name}");
        for len in [0, 8, 32, 39, 41, 47, MAX_FRAME_BYTES + 8, u32::MAX as usize - 7] {
            let mut lying = frame.clone();
            set_len(&mut lying, len);
            assert_eq!(verdict(&lying), Err(DecodeError::BadLength), "{name} says {len}");
        }
    }
}

#[test]
fn another_version_is_refused_and_named() {
    for frame in golden::frames() {
        for version in (0..=u8::MAX).filter(|version| *version != 1) {
            let mut other = frame.clone();
            other[6] = version;
            assert_eq!(verdict(&other), Err(DecodeError::BadVersion(version)));
        }
    }
}

#[test]
fn a_kind_that_is_not_defined_is_refused_and_named() {
    let frame = &golden::frames()[3];
    for kind in (0..=u16::MAX).filter(|kind| FrameKind::from_code(*kind).is_none()) {
        let mut other = frame.clone();
        other[4..6].copy_from_slice(&kind.to_le_bytes());
        assert_eq!(verdict(&other), Err(DecodeError::UnknownKind(kind)));
    }
}

#[test]
fn only_depth_frames_have_flags() {
    for frame in golden::frames() {
        let layout = layout_of(&frame);
        let allowed = match layout.name {
            "DepthDelta" => 7,
            "BookSnapshot" => 3,
            _ => 0,
        };
        for flags in 0..=u8::MAX {
            let mut other = frame.clone();
            other[7] = flags;
            let expected =
                if flags & !allowed == 0 { Ok(()) } else { Err(DecodeError::BadValue(7)) };
            assert_eq!(verdict(&other), expected, "{} flags {flags}", layout.name);
        }
    }
}

#[test]
fn every_reserved_byte_must_be_zero() {
    let mut seen = 0;
    each_field(|frame, field, rules, name| {
        if !rules.iter().any(|rule| matches!(rule, Rule::Zero)) {
            return;
        }
        for byte in 0..field.size {
            for value in [1, 0x80, 0xff] {
                let mut other = frame.to_vec();
                other[field.offset + byte] = value;
                let expected = Err(DecodeError::ReservedNotZero(offset(field)));
                assert_eq!(verdict(&other), expected, "{name} byte {byte}");
                seen += 1;
            }
        }
    });
    assert!(seen > 300, "only {seen} reserved bytes tried");
}

#[test]
fn every_code_accepts_its_values_and_no_other() {
    let mut seen = 0;
    each_field(|frame, field, rules, name| {
        for rule in rules {
            let Rule::Code(table) = rule else { continue };
            let last = if field.size == 1 { u16::from(u8::MAX) } else { u16::MAX };
            for code in 0..=last {
                let other = with(frame, field, &code.to_le_bytes());
                let is_defined = table.values.iter().any(|v| v.code == u64::from(code));
                let expected =
                    if is_defined { Ok(()) } else { Err(DecodeError::BadValue(offset(field))) };
                assert_eq!(verdict(&other), expected, "{name} = {code}");
            }
            seen += 1;
        }
    });
    assert!(seen > 20, "only {seen} codes tried");
}

#[test]
fn every_range_holds_at_below_and_above_its_ends() {
    let mut seen = 0;
    each_field(|frame, field, rules, name| {
        for rule in rules {
            let Rule::Range(low, high) = *rule else {
                continue;
            };
            let refused = Err(DecodeError::BadValue(offset(field)));
            for (value, expected) in [
                (Some(low), Ok(())),
                (Some(high), Ok(())),
                (low.checked_sub(1), refused),
                (high.checked_add(1), refused),
            ] {
                // A neighbour that the field's type cannot hold needs no check.
                let Some(value) = value.filter(|v| field.size == 8 || *v >= 0 || low < 0) else {
                    continue;
                };
                let mut other = with(frame, field, &value.to_le_bytes());
                if name == "Instrument.min_qty_lots" {
                    // Its upper end also moves the lower end of the largest order.
                    let max = field.offset + 8;
                    other[max..max + 8].copy_from_slice(&i64::MAX.to_le_bytes());
                }
                assert_eq!(verdict(&other), expected, "{name} = {value}");
                seen += 1;
            }
        }
    });
    assert!(seen > 40, "only {seen} ends tried");
}

#[test]
fn text_is_utf8_then_zeros() {
    let mut seen = 0;
    each_field(|frame, field, rules, name| {
        if !rules.iter().any(|rule| matches!(rule, Rule::Text)) {
            return;
        }
        let refused = Err(DecodeError::BadValue(offset(field)));
        let text = |start: &[u8]| {
            let mut text = vec![0; field.size];
            text[..start.len()].copy_from_slice(start);
            with(frame, field, &text)
        };
        assert_eq!(verdict(&text(&vec![b'x'; field.size])), Ok(()), "{name} filled");
        assert_eq!(verdict(&text("\u{b5}\u{20ac}".as_bytes())), Ok(()), "{name}");
        assert_eq!(verdict(&text(b"ab\0c")), refused, "{name}: text after a zero");
        assert_eq!(verdict(&text(&[b'a', 0xff])), refused, "{name}: not UTF-8");
        assert_eq!(verdict(&text(&[0xe2, 0x82])), refused, "{name}: cut in a letter");
        let empty = if name == "Instrument.symbol" { refused } else { Ok(()) };
        assert_eq!(verdict(&text(b"")), empty, "{name}: empty");
        seen += 1;
    });
    assert_eq!(seen, 6);
}

#[test]
fn fields_without_a_rule_hold_any_value() {
    let counts = ["DepthDelta.bid_count", "DepthDelta.ask_count", "ControlReply.text_len"];
    let bound = ["BookSnapshot.bid_count", "BookSnapshot.ask_count", "Denied.mask"];
    each_field(|frame, field, rules, name| {
        if rules.is_empty() && !counts.contains(&name) && !bound.contains(&name) {
            for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let other = with(frame, field, &vec![value; field.size]);
                assert_eq!(verdict(&other), Ok(()), "{name} full of {value:#x}");
            }
        }
    });
}

#[test]
fn the_largest_order_is_not_below_the_smallest() {
    let frames = golden::frames();
    let frame = frames.iter().find(|frame| layout_of(frame).name == "Instrument").unwrap();
    let layout = layout_of(frame);
    let max = layout.fields.iter().find(|field| field.name == "max_qty_lots").unwrap();
    let refused = Err(DecodeError::BadValue(offset(max)));
    for (value, expected) in [(500_i64, refused), (501, Ok(())), (502, Ok(()))] {
        assert_eq!(verdict(&with(frame, max, &value.to_le_bytes())), expected, "{value}");
    }
}

#[test]
fn a_denial_names_the_lowest_failed_check() {
    let frames = golden::frames();
    let frame = frames.iter().find(|frame| layout_of(frame).name == "Denied").unwrap();
    let layout = layout_of(frame);
    let field = |name: &str| layout.fields.iter().find(|field| field.name == name).unwrap();
    for bit in 0..64_u8 {
        let masked = with(frame, field("mask"), &(u64::MAX << bit).to_le_bytes());
        for primary in [0, 1, bit.saturating_sub(1), bit, bit + 1, 64, 255] {
            let expected = if primary == bit {
                Ok(())
            } else {
                Err(DecodeError::BadValue(offset(field("primary"))))
            };
            let other = with(&masked, field("primary"), &[primary]);
            assert_eq!(verdict(&other), expected, "mask from bit {bit}, primary {primary}");
        }
    }
    for primary in 0..=u8::MAX {
        let other = with(&with(frame, field("mask"), &[0; 8]), field("primary"), &[primary]);
        assert!(verdict(&other).is_err(), "no failed check, primary {primary}");
    }
}

fn empty_delta() -> market::DepthDelta {
    market::DepthDelta {
        header: FrameHeader::new::<market::DepthDelta>(),
        first_update_id: 1,
        last_update_id: 1,
        prev_update_id: 0,
        bid_count: 0,
        ask_count: 0,
        reserved: [0; 4],
    }
}

const LEVEL: market::Level = market::Level { price_ticks: PriceTicks(1), qty_lots: QtyLots(1) };

#[test]
fn level_counts_that_do_not_fit_the_length_are_refused() {
    let frame = golden::depth_delta(empty_delta(), &[LEVEL; 3], &[LEVEL; 2]);
    for (bids, asks) in [
        (u16::MAX, u16::MAX),
        (u16::MAX, 0),
        (0, u16::MAX),
        (u16::MAX, 6),
        (3, 1),
        (3, 3),
        (5, u16::MAX),
        (0, 0),
        (6, 0),
    ] {
        let mut lying = frame.clone();
        lying[64..66].copy_from_slice(&bids.to_le_bytes());
        lying[66..68].copy_from_slice(&asks.to_le_bytes());
        assert_eq!(verdict(&lying), Err(DecodeError::BadLength), "{bids} and {asks}");
    }
    let mut half_a_level = [&frame[..], &[0; 8]].concat();
    set_len(&mut half_a_level, frame.len() + 8);
    assert_eq!(verdict(&half_a_level), Err(DecodeError::BadLength));
}

#[test]
fn the_fullest_depth_frame_decodes_and_keeps_its_sides() {
    let most = (MAX_FRAME_BYTES - size_of::<market::DepthDelta>()) / 16;
    for count in [market::MAX_LEVELS, most] {
        let mut bids = vec![LEVEL; count - 1];
        bids[0].price_ticks = PriceTicks(-7);
        let ask = market::Level { price_ticks: PriceTicks(9), qty_lots: QtyLots(0) };
        let frame = Aligned::copy_of(&golden::depth_delta(empty_delta(), &bids, &[ask]));
        let Ok(corelane_wire::Frame::DepthDelta(depth)) = decode(frame.bytes()) else {
            panic!("{count} levels must decode");
        };
        assert_eq!((depth.bids, depth.asks), (&bids[..], &[ask][..]));
    }
    let too_many = golden::depth_delta(empty_delta(), &vec![LEVEL; most + 1], &[]);
    assert_eq!(verdict(&too_many), Err(DecodeError::BadLength));
}

#[test]
fn the_first_bad_level_is_named() {
    for bad in 0..40_u16 {
        let mut levels = [LEVEL; 40];
        for (price, qty, is_good) in [
            (i64::MIN, 1, false),
            (1, -1, false),
            (1, i64::MIN, false),
            (i64::MIN + 1, 0, true),
            (i64::MAX, i64::MAX, true),
            (-1, 1, true),
            (0, 0, true),
        ] {
            levels[usize::from(bad)] =
                market::Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) };
            let frame = golden::depth_delta(empty_delta(), &levels[..7], &levels[7..]);
            let expected = if is_good { Ok(()) } else { Err(DecodeError::BadValue(72 + 16 * bad)) };
            assert_eq!(verdict(&frame), expected, "level {bad}: {price} {qty}");
        }
    }
}

#[test]
fn reply_text_is_utf8_and_padded_with_zeros() {
    use corelane_wire::control::{ControlReply, ReplyCode};
    let head = ControlReply {
        header: FrameHeader::new::<ControlReply>(),
        request_id: 1,
        text_len: 0,
        code: ReplyCode::Ok.code(),
        reserved: [0; 3],
    };
    for text in ["", "a", "1234567", "12345678", "123456789", "\u{20ac}"] {
        assert_eq!(verdict(&golden::control_reply(head, text)), Ok(()), "{text}");
    }
    let frame = golden::control_reply(head, "abc");
    for byte in 59..64 {
        let mut other = frame.clone();
        other[byte] = 1;
        assert_eq!(verdict(&other), Err(DecodeError::ReservedNotZero(48)), "padding byte {byte}");
    }
    for (text_len, expected) in [
        (u32::MAX, DecodeError::BadLength),
        (9, DecodeError::BadLength),
        (0, DecodeError::BadValue(48)),
        (2, DecodeError::ReservedNotZero(48)),
    ] {
        let mut other = frame.clone();
        other[48..52].copy_from_slice(&text_len.to_le_bytes());
        assert_eq!(verdict(&other), Err(expected), "text_len {text_len}");
    }
    let mut other = frame;
    other[56] = 0xff;
    assert_eq!(verdict(&other), Err(DecodeError::BadValue(56)), "not UTF-8");
}

#[test]
fn a_frame_off_the_8_byte_boundary_is_the_callers_error() {
    for frame in golden::frames() {
        let shifted = Aligned::copy_of(&[&[0; 4], &frame[..]].concat());
        assert_eq!(decode(&shifted.bytes()[4..]).map(|_| ()), Err(DecodeError::Misaligned));
    }
}
