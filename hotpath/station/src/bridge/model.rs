//! Which model answers, and what the loop is told about another one.
//!
//! The engine's check `SIGNAL_MODEL` lets only scores of the named model open anything. Where the
//! configuration follows changes, the bridge names the new model with an input frame, before the
//! first answer of it, so that a record repeats it; else an operator does. Must never: name the
//! first model of a session, which the engine does by itself. The bridge's thread runs it.

use super::Bridge;
use super::sidecar::Sidecar;
use crate::config::ModelChanges;
use crate::inputs;
use ipc::handshake::PeerInfo;
use wire::TsNs;
use wire::control::Command;

const DECLINED_NEXT: &str = "nothing: it takes no shared memory, so its socket is used";

impl Bridge {
    /// Takes note of the model a sidecar greets with or changes to.
    pub(super) fn takes_model(&mut self, what: &str, peer: PeerInfo) {
        let before = self.last_peer.replace(peer);
        let is_another = before.is_some_and(|before| before.model_hash != peer.model_hash);
        let servers = self.servers.as_mut();
        let sidecar = servers.map(|servers| {
            servers.take_effect(peer.model_hash);
            servers.serving()
        });
        let path = sidecar.map(|s| s.path().display().to_string());
        let transport = sidecar.map_or("", |s| s.transport().name());
        let is_declined = sidecar.is_some_and(Sidecar::is_declined);
        let fields = format!(
            "socket={} transport={transport} pid={} backend={} model_hash={:016x} generation={}",
            path.unwrap_or_default(),
            peer.pid,
            peer.backend_text(),
            peer.model_hash,
            peer.generation
        );
        let next = match (is_another, self.model_changes) {
            (false, _) if is_declined => DECLINED_NEXT.to_owned(),
            (false, _) => String::new(),
            (true, ModelChanges::Followed) => {
                self.unnamed = Some(peer.model_hash);
                self.name_model();
                "nothing: it is named on the record, as signal.model_changes says".to_owned()
            }
            (true, ModelChanges::Named) => format!(
                "its scores open nothing until it is named: corelane ctl model --hash={:016x}",
                peer.model_hash
            ),
        };
        self.note(what, fields, &next);
    }

    /// Names the model to the loop, as soon as there is room for it.
    pub(super) fn name_model(&mut self) {
        let Some(hash) = self.unnamed else { return };
        let reason = "announced by the signal sidecar";
        let frame = inputs::control(Command::Model, hash, reason, TsNs::UNDEF);
        if self.push(bytemuck::bytes_of(&frame)) {
            self.unnamed = None;
        }
    }
}
