//! Recorded scores: a model's answers in the record of a run or in a table, given in a backtest.
//!
//! Owns: which answer belongs to which request: that of the same instrument at the same moment of
//! engine time. A request there is no answer to stays unanswered. The answer's model hash is
//! mixed with the file's, so that both are in the state hash. Must never: give an answer for another
//! moment. Ordinary threads; allocates.

mod csv;

use crate::{record, recording};
use station::operator::Failure;
use std::collections::BTreeMap;
use std::path::Path;
use tape::Recording;
use wire::exit::Exit;
use wire::signal::{SignalRequest, SignalResponse};
use wire::{Frame, InstrumentId, TsNs};

/// The answers of one record or table.
#[derive(Clone, Debug)]
pub struct Scores {
    answers: BTreeMap<(InstrumentId, TsNs), SignalResponse>,
    /// First eight bytes of the SHA-256 of the record's frames, or of the table.
    file_hash: u64,
}

impl Scores {
    /// Reads what an operator named: a table where it ends in `.csv`, else the record of a run.
    /// `market` is the recording the scores are for.
    ///
    /// # Errors
    /// As any reader of records; `RESOURCE` where there is no answer in it or no such file,
    /// `ARGUMENTS` naming the line of a table that is not understood.
    pub fn read(path: &Path, market: &Recording) -> Result<Self, Failure> {
        if path.extension().is_some_and(|extension| extension == "csv") {
            return csv::read(path, market);
        }
        Self::of_run(path)
    }

    fn of_run(run_dir: &Path) -> Result<Self, Failure> {
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
