//! A recorded session once more: the recorded inputs into a fresh engine, every frame it makes held
//! against the record, and a look at the moments asked for.
//!
//! Must never: go on past the first frame that differs: what the engine holds from there on is not
//! what the session held.

use super::scene::Scene;
use engine::gate::{Inquiry, Verdict};
use engine::orders::OrderRequest;
use engine::{Engine, Sink};
use serde_json::{Map, Value};
use station::operator::Failure;
use std::collections::BTreeSet;
use wire::exit::Exit;
use wire::frame::{self, FrameHeader};
use wire::{FrameKind, TsNs};

/// The frames of a record without its table and its first and last frame, each with its place.
#[derive(Debug)]
pub(super) struct Session<'a> {
    /// Place in the record, from 0, and frame.
    pub(super) frames: Vec<(u64, &'a [u8])>,
    /// Whether the record goes on to its end.
    pub(super) is_whole: bool,
}

impl<'a> Session<'a> {
    pub(super) fn of(frames: impl Iterator<Item = &'a [u8]>, is_whole: bool) -> Self {
        let border = |frame: &&[u8]| {
            matches!(
                kind(frame),
                Some(FrameKind::Instrument | FrameKind::SessionStart | FrameKind::SessionEnd)
            )
        };
        let frames = (0..).zip(frames).filter(|(_, frame)| !border(frame)).collect();
        Self { frames, is_whole }
    }
}

/// The kind of a frame.
pub(super) fn kind(frame: &[u8]) -> Option<FrameKind> {
    FrameKind::from_code(frame::header(frame).ok()?.kind)
}

/// A moment that was asked for.
#[derive(Debug)]
pub(super) struct Found {
    /// Index of the decision's frame in the session.
    pub(super) at: usize,
    /// Index of the input that led to it.
    pub(super) cause: Option<usize>,
    /// What the gate saw; empty where nothing was judged.
    pub(super) scene: Map<String, Value>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Rerun {
    /// The moments, in order.
    pub(super) found: Vec<Found>,
    /// Inputs that were fed.
    pub(super) inputs: u64,
    /// The engine at the end.
    pub(super) engine: Engine,
}

/// Feeds a session to an engine; `wanted` are indices of decisions in it.
///
/// # Errors
/// `DIVERGED` naming the first frame that differs; `RESOURCE` where a recorded input is none.
pub(super) fn rerun(
    mut engine: Engine,
    session: &Session<'_>,
    wanted: &BTreeSet<usize>,
) -> Result<Rerun, Failure> {
    let mut watch =
        Watch { session, wanted, at: 0, cause: None, scene: None, found: Vec::new(), made: None };
    let mut words = Vec::new();
    let mut inputs = 0;
    for (i, (place, frame)) in session.frames.iter().enumerate() {
        if !kind(frame).is_some_and(FrameKind::is_outer_input) {
            continue;
        }
        words.clear();
        words.resize(frame.len() / 8, 0_u64);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        bytes.copy_from_slice(frame);
        engine.input(bytes, &mut watch).map_err(|why| {
            let fields = format!("frame={place} why=\"{why}\"");
            let next = "the record is damaged there; use an undamaged copy";
            Failure::new(Exit::Resource, "recorded input is no frame", fields, next)
        })?;
        inputs += 1;
        watch.check(i)?;
    }
    watch.end()?;
    Ok(Rerun { found: watch.found, inputs, engine })
}

/// A frame the engine made where the record has another, or none.
#[derive(Clone, Copy, Debug)]
struct Made {
    kind: Option<FrameKind>,
    seq: u64,
}

struct Watch<'s, 'a> {
    session: &'s Session<'a>,
    wanted: &'s BTreeSet<usize>,
    /// Index of the frame that must come next.
    at: usize,
    cause: Option<usize>,
    scene: Option<Scene>,
    found: Vec<Found>,
    made: Option<Made>,
}

impl Watch<'_, '_> {
    fn take(&mut self, frame: &[u8]) {
        if self.made.is_some() {
            return;
        }
        match self.session.frames.get(self.at) {
            Some((_, recorded)) if *recorded == frame => self.at += 1,
            // What follows was not kept.
            None if !self.session.is_whole => {}
            _ => {
                let seq = frame::header(frame).map_or(0, |h| h.seq);
                self.made = Some(Made { kind: kind(frame), seq });
            }
        }
    }

    fn is_wanted(&self) -> bool {
        self.made.is_none() && self.wanted.contains(&self.at)
    }

    /// After input `i`: it and all before it must have been met.
    fn check(&self, i: usize) -> Result<(), Failure> {
        if self.made.is_some() || self.at <= i {
            return Err(self.diverged());
        }
        Ok(())
    }

    /// At the end: nothing of the record may be left.
    fn end(&self) -> Result<(), Failure> {
        if self.made.is_some() || self.at < self.session.frames.len() {
            return Err(self.diverged());
        }
        Ok(())
    }

    fn diverged(&self) -> Failure {
        let name = |kind: Option<FrameKind>| kind.map_or("unknown", FrameKind::name);
        let recorded = self.session.frames.get(self.at);
        let last = self.session.frames.last().map_or(0, |(place, _)| place + 1);
        let place = recorded.map_or(last, |(place, _)| *place);
        let header = recorded.and_then(|(_, frame)| frame::header(frame).ok());
        let recorded = recorded.map_or_else(
            || "nothing".to_owned(),
            |(_, frame)| {
                let (seq, at) = header.map_or((0, TsNs(0)), |h| (h.seq, h.ts_recv_ns));
                format!("{} seq={seq} ts_recv_ns={at}", name(kind(frame)))
            },
        );
        let made = self.made.map_or_else(
            || "nothing".to_owned(),
            |made| format!("{} made_seq={}", name(made.kind), made.seq),
        );
        let fields = format!("frame={place} recorded={recorded} made={made}");
        let next = "use the build that made the run; with the same build, report it";
        Failure::new(Exit::Diverged, "the engine does not repeat the record", fields, next)
    }
}

impl Sink for Watch<'_, '_> {
    fn input(&mut self, frame: &[u8]) {
        self.cause = Some(self.at);
        self.take(frame);
    }

    fn output(&mut self, frame: &[u8]) {
        if self.is_wanted() {
            let scene = self.scene.take().map(Scene::into_map).unwrap_or_default();
            self.found.push(Found { at: self.at, cause: self.cause, scene });
        }
        self.take(frame);
    }

    fn judging(&mut self, engine: &Engine, order: &OrderRequest) {
        self.scene = self.is_wanted().then(|| Scene::of(engine, order));
    }

    fn judged(&mut self, inquiry: &Inquiry<'_>, verdict: &Verdict) {
        if let Some(scene) = &mut self.scene {
            scene.judge(inquiry, verdict);
        }
    }
}

/// Header of a frame in the session.
pub(super) fn header<'a>(session: &Session<'a>, index: usize) -> Option<&'a FrameHeader> {
    let (_, frame) = session.frames.get(index)?;
    frame::header(frame).ok()
}
