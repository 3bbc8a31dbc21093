//! The server's model: how it is changed at a batch's border, and what the command line may ask.
//!
//! Must never: change the model inside a batch, send an answer of a new model to an engine that was
//! not told of it first, or wait for the loader. Serving thread.

use super::Server;
use crate::batch::Waiting;
use crate::loader::Wish;
use crate::score::Score;
use crate::shadow::Sample;
use crate::store::Address;
use ipc::{Sent, Token};
use serde_json::{Value, json};
use wire::control::{ReplyCode, reply};
use wire::instrument::text_of;
use wire::model::{ModelAction, ModelCommand};

impl Server {
    /// Takes the loader's finished model, if there is one, and tells the engines.
    pub(super) fn change_model(&mut self) {
        let Some(loader) = &mut self.loader else { return };
        let Some(mut fresh) = loader.published() else { return };
        let provider = fresh.model().provider();
        if self.serving.change_model(fresh.model_hash(), provider) {
            std::mem::swap(&mut self.scorer, &mut *fresh);
        }
        // The old model, to be freed where it was made.
        loader.retire(fresh);
        for token in self.serving.untold() {
            // Where the socket is full now it is told before its next answer.
            self.tell(token);
        }
    }

    /// Tells an engine which model answers from here, unless it knows. `false`: it could not be
    /// told, so it must not get an answer either.
    pub(super) fn tell(&mut self, token: Token) -> bool {
        if !self.serving.must_tell(token) {
            return true;
        }
        let change = self.serving.change();
        let told = self.send(token, &change);
        if told {
            self.serving.told(token);
        }
        told
    }

    /// Hands copies of what was just answered to a candidate, while one asks for them.
    pub(super) fn copy_live(&self, batch: &[Waiting], scores: &[Score], infer_ns: u64) {
        let Some(loader) = self.loader.as_ref().filter(|loader| loader.is_tapped()) else { return };
        let each_ns = infer_ns / u64::try_from(batch.len().max(1)).unwrap_or(1);
        for (request, score) in batch.iter().zip(scores) {
            loader.copy(Sample { window: request.window, score: *score, infer_ns: each_ns });
        }
    }

    /// Does what the command line wants, and answers.
    pub(super) fn obey(&mut self, token: Token, command: &ModelCommand) {
        let (code, text) = match self.outcome(command) {
            Ok(value) => (ReplyCode::Ok, value.to_string()),
            Err(why) => (ReplyCode::Refused, why),
        };
        let frame = reply(command.request_id, code, &text);
        if !matches!(self.io.send(token, &frame), Ok(Sent::Sent)) {
            // Whoever does not read its answers is disconnected.
            self.close(token);
        }
    }

    fn outcome(&mut self, command: &ModelCommand) -> Result<Value, String> {
        let action = ModelAction::from_code(command.action);
        let serve = match action {
            None => return Err("no such action".into()),
            Some(ModelAction::Status) => return Ok(self.status()),
            Some(ModelAction::Serve) => true,
            Some(ModelAction::Shadow) => false,
        };
        let text = text_of(&command.address);
        let address = match text {
            "" => None,
            text => Some(Address::from_hex(text).ok_or("address is no sha256 of 64 hex digits")?),
        };
        let answers = (command.answers != u32::MAX).then_some(command.answers);
        let Some(loader) = &mut self.loader else {
            return Err("this sidecar serves a folder: start it with --store to change it".into());
        };
        let job = loader.ask(Wish { address, answers, serve });
        job.map(|job| json!({ "job": job })).ok_or_else(|| "another job is on its way".into())
    }

    fn status(&self) -> Value {
        let model = self.scorer.model();
        let c = self.serving.counters;
        let loader = self.loader.as_ref();
        let (job, swaps) = loader.map(crate::loader::Loader::state).unzip();
        json!({
            "pid": std::process::id(),
            "store": loader.map(crate::loader::Loader::root),
            "name": loader.map(|loader| &loader.options().name),
            "serving": {
                "name": model.manifest().name,
                "address": model.address().to_string(),
                "sha256": model.sha256(),
                "model_hash": format!("{:016x}", model.model_hash()),
                "generation": self.serving.generation(),
                "backend": model.provider(),
            },
            "job": job,
            "swaps": swaps,
            "memory": self.memory(),
            "counts": {
                "requests": c.requests,
                "scored": c.scored,
                "abstained": c.abstained,
                "refused": c.refused,
                "shed": c.shed,
                "answers_dropped": c.answers_dropped,
            },
        })
    }
}
