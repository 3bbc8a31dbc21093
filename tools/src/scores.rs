//! Recorded scores: the model's answers in the record of a run, given again in a backtest.
//!
//! Owns: which answer belongs to which request: that of the same instrument at the same moment of
//! engine time. A request the record has no answer to stays unanswered. The answer's model hash is
//! mixed with the file's, so that both are in the state hash. Must never: give an answer for another
//! moment. Ordinary threads; allocates.

use crate::{record, recording};
use station::operator::Failure;
use std::collections::BTreeMap;
use std::path::Path;
use wire::exit::Exit;
use wire::signal::{SignalRequest, SignalResponse};
use wire::{Frame, InstrumentId, TsNs};

/// The answers of one record.
#[derive(Clone, Debug)]
pub struct Scores {
    answers: BTreeMap<(InstrumentId, TsNs), SignalResponse>,
    /// First eight bytes of the SHA-256 of the record's frames.
    file_hash: u64,
}

impl Scores {
    /// Reads the record of a run.
    ///
    /// # Errors
    /// As any reader of records; `RESOURCE` where it holds no answer.
    pub fn read(run_dir: &Path) -> Result<Self, Failure> {
        let path = record::path_of(run_dir)?;
        let (recording, fault) = recording::open(&path)?;
        let (mut asked, mut answers) = (BTreeMap::new(), BTreeMap::new());
        for frame in recording.frames() {
            match wire::decode(frame) {
                Ok(Frame::SignalRequest(request)) => {
                    asked.insert(request.request_id, key(request));
                }
                Ok(Frame::SignalResponse(response)) => {
                    if let Some(key) = asked.get(&response.request_id) {
                        answers.entry(*key).or_insert(*response);
                    }
                }
                _ => {}
            }
        }
        recording::settle(fault)?;
        if answers.is_empty() {
            return Err(Failure::new(
                Exit::Resource,
                "record has no scores",
                format!("path={}", path.display()),
                "name a run with a model that answered",
            ));
        }
        let digest = recording.summary.sha256.get(..16);
        let file_hash = digest.and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0);
        Ok(Self { answers, file_hash })
    }

    /// The recorded answer to a request.
    #[must_use]
    pub fn answer(&self, request: &SignalRequest) -> Option<SignalResponse> {
        let mut response = *self.answers.get(&key(request))?;
        response.request_id = request.request_id;
        response.model_hash ^= self.file_hash.rotate_left(1);
        Some(response)
    }
}

fn key(request: &SignalRequest) -> (InstrumentId, TsNs) {
    (request.header.instrument_id, request.header.ts_recv_ns)
}
