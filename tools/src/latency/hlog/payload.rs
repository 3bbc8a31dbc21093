//! One compressed histogram of a log: base64, a V2 envelope, zlib, a V2 body of varints.
//!
//! Must never: believe a length, read past an end, or leave the checksum of zlib unread: the
//! crate's own reader stops before it. Ordinary threads; allocates.

use crate::latency::counts::{Cells, Counts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::ZlibDecoder;
use std::io::Read as _;

const COMPRESSED: u32 = 0x1c84_9314;
const BODY: u32 = 0x1c84_9313;
/// Bytes of a body before its counts.
const BODY_HEAD: usize = 40;
/// A body is at most this long: 64 buckets of the finest cells, nine bytes each, is less.
const BODY_MAX: u64 = 128 << 20;

/// The counts of an encoded histogram.
///
/// # Errors
/// What is wrong with it, in words, and what would be right.
pub(super) fn decode(text: &str) -> Result<Counts, (&'static str, &'static str)> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| ("the histogram is no base64", "standard base64 with padding"))?;
    let (cookie, rest) = word(&bytes).ok_or(CUT)?;
    if cookie == BODY {
        let allowed = "V2 with deflate (HISTFAAA...), the only form every reader opens";
        return Err(("the histogram is not compressed", allowed));
    }
    if cookie != COMPRESSED {
        return Err(("the histogram is of another format", "V2 with deflate (HISTFAAA...)"));
    }
    let (length, stream) = word(rest).ok_or(CUT)?;
    if usize::try_from(length).ok() != Some(stream.len()) {
        return Err(("the histogram is not as long as it says", "as many bytes as its head says"));
    }
    let mut body = Vec::new();
    let mut decoder = ZlibDecoder::new(stream).take(BODY_MAX);
    let read = decoder.read_to_end(&mut body);
    let left = decoder.into_inner().into_inner();
    if read.is_err() || !left.is_empty() {
        return Err(("the compressed histogram is damaged", "a whole zlib stream"));
    }
    body_of(&body)
}

const CUT: (&str, &str) = ("the histogram is cut", "head, settings and counts");

fn body_of(body: &[u8]) -> Result<Counts, (&'static str, &'static str)> {
    if body.len() < BODY_HEAD {
        return Err(CUT);
    }
    let (cookie, rest) = word(body).ok_or(CUT)?;
    let (length, rest) = word(rest).ok_or(CUT)?;
    let (offset, rest) = word(rest).ok_or(CUT)?;
    let (digits, rest) = word(rest).ok_or(CUT)?;
    let (low, rest) = long(rest).ok_or(CUT)?;
    let (high, rest) = long(rest).ok_or(CUT)?;
    let (ratio, counts) = long(rest).ok_or(CUT)?;
    if cookie != BODY {
        return Err(("the histogram is of another format", "V2 inside the compression"));
    }
    if usize::try_from(length).ok() != Some(counts.len()) {
        return Err(("the counts are not as long as they say", "as many bytes as the head says"));
    }
    if offset != 0 || ratio != 1.0_f64.to_bits() {
        return Err(("a histogram that is shifted or of fractions", "offset 0, ratio 1.0"));
    }
    let digits = u8::try_from(digits).ok().filter(|digits| (1..=5).contains(digits));
    let is_range = (1..=u64::MAX >> 1).contains(&low) && high >= low << 1;
    let (Some(digits), true) = (digits, is_range) else {
        return Err(("impossible settings of a histogram", "1 to 5 digits, high >= 2 x low >= 2"));
    };
    fill(Cells { low, digits }, high, counts)
}

/// Counts from varints: a count, or a run of empty cells as a negative number.
fn fill(cells: Cells, high: u64, mut bytes: &[u8]) -> Result<Counts, (&'static str, &'static str)> {
    let beyond = ("counts beyond the histogram's range", "cells up to its highest value");
    let mut counts = Counts::new(cells);
    counts.reach(high);
    let top = cells.around(high).0;
    let mut index: u64 = 0;
    while !bytes.is_empty() {
        let (number, rest) = varint(bytes).ok_or(CUT)?;
        bytes = rest;
        let is_negative = number & 1 == 1;
        if is_negative {
            index = index.checked_add((number >> 1) + 1).ok_or(beyond)?;
            continue;
        }
        let count = number >> 1;
        if count > 0 {
            let value = cells.value_at(index).filter(|value| *value <= top).ok_or(beyond)?;
            counts.add(value, count).ok_or(("more than 2^63 samples", "fewer"))?;
        }
        index = index.checked_add(1).ok_or(beyond)?;
    }
    Ok(counts)
}

/// One number, seven bits a byte, the ninth byte whole.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        let shift = 7 * at;
        if at == 8 {
            value |= u64::from(*byte) << shift;
            return Some((value, &bytes[9..]));
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*head), rest))
}

fn long(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*head), rest))
}
