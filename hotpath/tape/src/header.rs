//! What a recording says of itself: the JSON at its start and the JSON at its end.
//!
//! Must never: hold anything a replay depends on; instruments and events are frames. Runs on
//! housekeeping threads; allocates.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use wire::frame::WIRE_VERSION;
use wire::layout::StructLayout;

/// One file a recording was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// File name, without folders.
    pub name: String,
    /// Size, bytes, as stored.
    pub bytes: u64,
    /// SHA-256 of the bytes as stored, lower-case hex.
    pub sha256: String,
}

/// The JSON at the start of a recording.
///
/// The last three fields are the writer's: what a caller puts there is overwritten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Where the events come from, in words.
    #[serde(default)]
    pub source: String,
    /// Licence of the source.
    #[serde(default)]
    pub licence: String,
    /// How the frames were derived, where they are not the venue's own events one to one
    /// (`ohlcv: ...`); empty for recorded events.
    #[serde(default)]
    pub derived: String,
    /// Every file it was made from, in the order they were read.
    #[serde(default)]
    pub source_files: Vec<SourceFile>,
    /// Symbols of the instrument table, row by row.
    #[serde(default)]
    pub instruments: Vec<String>,
    /// Anything else worth saying, one sentence an entry.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Program and version that wrote the file.
    #[serde(default)]
    pub maker: String,
    /// Wire version of the frames.
    #[serde(default)]
    pub wire_version: u8,
    /// [`wire::frame::schema_hash`] of the writing build, hex: for people; readers compare
    /// `layouts`.
    #[serde(default)]
    pub schema_hash: String,
    /// Hash of each wire struct's layout in the writing build, hex. A reader refuses a frame whose
    /// struct it knows otherwise, so a new struct, or another layout of one that a file does not
    /// use, makes no old recording unreadable.
    #[serde(default)]
    pub layouts: BTreeMap<String, String>,
}

impl Header {
    /// This header with the fields that describe the writing build.
    #[must_use]
    pub fn stamped(&self) -> Self {
        let mut header = self.clone();
        if header.maker.is_empty() {
            header.maker = String::from(concat!("corelane ", env!("CARGO_PKG_VERSION")));
        }
        header.wire_version = WIRE_VERSION;
        header.schema_hash = format!("{:016x}", wire::frame::schema_hash());
        header.layouts = layouts();
        header
    }

    /// The wire structs whose layout in the file differs from this build's.
    #[must_use]
    pub fn layout_mismatches(&self) -> Vec<&str> {
        let ours = layouts();
        let differs =
            |(name, hash): &(&String, &String)| ours.get(*name).is_some_and(|our| our != *hash);
        self.layouts.iter().filter(differs).map(|(name, _)| name.as_str()).collect()
    }
}

/// The JSON at the end of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Frames in the file.
    pub frames: u64,
    /// Bytes of all frames.
    pub raw_bytes: u64,
    /// SHA-256 of the bytes of all frames, one after the other, lower-case hex.
    pub sha256: String,
    /// Frames by kind name (`depth-delta`).
    pub counts: BTreeMap<String, u64>,
    /// Smallest `ts_recv_ns` of all frames that have one.
    pub first_ts_recv_ns: Option<u64>,
    /// Largest `ts_recv_ns`.
    pub last_ts_recv_ns: Option<u64>,
}

fn layouts() -> BTreeMap<String, String> {
    wire::layout::all()
        .iter()
        .map(|layout| (layout.name.to_owned(), format!("{:016x}", layout_hash(layout))))
        .collect()
}

/// FNV-1a over a struct's size and its fields' names, types, offsets and sizes.
fn layout_hash(layout: &StructLayout) -> u64 {
    let mut text = format!("{}:{};", layout.name, layout.size);
    for field in layout.fields {
        let (name, ty) = (field.name, field.ty);
        // Writing to a string cannot fail.
        let _ = write!(text, "{name}:{ty:?}:{}:{};", field.offset, field.size);
    }
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Lower-case hex of a digest.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
