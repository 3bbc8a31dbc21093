//! One sidecar under the calendar: what it serves, how another model comes to serve, and the proof
//! that it does.
//!
//! The proof is of another program than the sidecar: this one loads the same object from the store
//! (which runs its golden vectors here), asks the sidecar for scores as an engine does, and holds hash,
//! generation and numbers against its own. Must never: leave the links on a model the sidecar refused.

use super::config::SidecarAt;
use crate::backtest::model_failure;
use crate::ctl::{Heard, Talk};
use crate::models::sidecar::Sidecar;
use bytemuck::Zeroable;
use serde_json::Value;
use signal::model::Model;
use signal::store::{Address, Keeper, PublicKey, Store};
use signal::{BackendChoice, ModelError, RuntimeOptions, Score, Scorer, runtime};
use station::operator::Failure;
use std::path::{Path, PathBuf};
use wire::exit::Exit;
use wire::frame::FrameHeader;
use wire::handshake::Role;
use wire::model::ModelAction;
use wire::signal::SignalRequest;
use wire::{Frame, InstrumentId, PriceTicks, QtyLots};

/// Requests a proof asks.
const PROBES: u64 = 8;
/// A score is a difference of two probabilities, each within the tolerance of its golden vector here
/// and there.
const TOLERANCES: f32 = 4.0;

/// What a sidecar serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Serving {
    /// The model's own name.
    pub(super) name: String,
    /// The object.
    pub(super) address: Address,
    /// As frames carry it.
    pub(super) model_hash: u64,
    /// Its generation.
    pub(super) generation: u64,
    /// What computes it.
    pub(super) backend: String,
}

/// The links of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Links {
    /// What serves.
    pub(super) current: Option<Address>,
    /// What a rollback brings back.
    pub(super) previous: Option<Address>,
}

/// A model that is loaded here, to be held against the sidecar's.
#[derive(Debug)]
pub(super) struct Proof {
    /// The object.
    pub(super) address: Address,
    scorer: Scorer,
}

impl Proof {
    /// The model's hash, as frames carry it.
    #[must_use]
    pub(super) fn model_hash(&self) -> u64 {
        self.scorer.model_hash()
    }
}

/// One sidecar.
#[derive(Debug)]
pub(super) struct Slot {
    at: SidecarAt,
    socket: PathBuf,
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands over what it has")]
fn failed(error: ModelError) -> Failure {
    model_failure(&error)
}

impl Slot {
    /// A sidecar and where it listens now.
    #[must_use]
    pub(super) fn new(at: &SidecarAt, socket: PathBuf) -> Self {
        Self { at: at.clone(), socket }
    }

    /// The role.
    #[must_use]
    pub(super) fn role(&self) -> &str {
        &self.at.role
    }

    fn key(&self) -> Result<Option<PublicKey>, Failure> {
        self.at.public_key.as_deref().map(PublicKey::read).transpose().map_err(failed)
    }

    fn store(&self) -> Result<Store, Failure> {
        Store::open(&self.at.store, self.key()?).map_err(failed)
    }

    fn keeper(&self) -> Result<Keeper, Failure> {
        Keeper::open(&self.at.store, self.key()?).map_err(failed)
    }

    fn sidecar(&self) -> Result<Sidecar<'_>, Failure> {
        Sidecar::open(&self.socket, &self.at.store, &self.at.role)
    }

    /// The object a model's name stands for.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn address_of(&self, model: &str) -> Result<Address, Failure> {
        self.store()?.current(model).map_err(failed)
    }

    /// Loads an object here, golden vectors and all.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn proof(&self, address: Address) -> Result<Proof, Failure> {
        let options = RuntimeOptions::from_environment(BackendChoice::Auto);
        let live = runtime::start(&options).map_err(failed)?;
        let bundle = self.store()?.object(address).map_err(failed)?;
        let model = Model::of(bundle, live).map_err(failed)?;
        Ok(Proof { address, scorer: Scorer::new(model) })
    }

    /// What it serves now.
    ///
    /// # Errors
    /// Where it does not answer, or is another store's or role's.
    pub(super) fn look(&self) -> Result<Serving, Failure> {
        serving(&self.sidecar()?.status()?)
    }

    /// The links of its role.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub(super) fn links(&self) -> Result<Links, Failure> {
        let store = self.store()?;
        let previous = store.previous(&self.at.role).map_err(failed)?;
        Ok(Links { current: Some(store.current(&self.at.role).map_err(failed)?), previous })
    }

    /// Moves the links and has the sidecar serve an object; puts them back where it refuses.
    ///
    /// # Errors
    /// The refusal; the sidecar then serves what it served.
    pub(super) fn swap(&self, address: Address) -> Result<Serving, Failure> {
        let keeper = self.keeper()?;
        let previous = keeper.store().previous(&self.at.role).map_err(failed)?;
        let moved = keeper.promote_as(&self.at.role, address).map_err(failed)?;
        self.serve(address).inspect_err(|_| {
            // The refusal is what is told; links that cannot be put back are seen by the next look.
            let _seen_later = keeper.restore(&self.at.role, moved.from, previous);
        })
    }

    /// Puts the links where they were and has the sidecar serve that.
    ///
    /// # Errors
    /// What stands in the way.
    pub(super) fn put_back(&self, links: Links, address: Address) -> Result<Serving, Failure> {
        let keeper = self.keeper()?;
        keeper.restore(&self.at.role, links.current, links.previous).map_err(failed)?;
        self.serve(address)
    }

    fn serve(&self, address: Address) -> Result<Serving, Failure> {
        serving(&self.sidecar()?.run(ModelAction::Serve, address, Some(0))?)
    }

    /// Holds the sidecar's answers against the model loaded here; what it serves.
    ///
    /// # Errors
    /// `CHECK_FAILED` with the first difference.
    pub(super) fn verify(&self, proof: &mut Proof) -> Result<Serving, Failure> {
        let status = self.look()?;
        let wanted = (proof.address, proof.scorer.model_hash());
        if (status.address, status.model_hash) != wanted {
            let fields = format!(
                "role={} address={} model_hash={:016x} wanted_address={} wanted_hash={:016x}",
                self.at.role, status.address, status.model_hash, wanted.0, wanted.1
            );
            return Err(wrong("the sidecar serves another model", fields));
        }
        let interval_ns = proof.scorer.model().manifest().sample_interval_ns;
        let requests: Vec<_> = (1..=PROBES).map(|id| request(id, interval_ns)).collect();
        let windows: Vec<_> = requests.iter().filter_map(SignalRequest::input).collect();
        let scores = proof.scorer.score(&windows);
        let tolerance = proof.scorer.model().manifest().golden.tolerance;
        let mut talk = Talk::open_as(&self.socket, Role::Engine, Role::Signal, "signal sidecar")?;
        let mut model = talk.peer().map(|peer| (peer.model_hash, u64::from(peer.generation)));
        for (request, score) in requests.iter().zip(&scores) {
            talk.send(bytemuck::bytes_of(request))?;
            let answer = answer(&mut talk, &mut model)?;
            if answer.request_id != request.request_id
                || (answer.model_hash, u64::from(answer.generation))
                    != (status.model_hash, status.generation)
            {
                let fields = format!(
                    "role={} model_hash={:016x} generation={} announced={:016x} generation={}",
                    self.at.role,
                    answer.model_hash,
                    answer.generation,
                    status.model_hash,
                    status.generation
                );
                return Err(wrong("an answer is of another model", fields));
            }
            near(&self.at.role, score, &answer, tolerance)?;
        }
        Ok(status)
    }
}

fn near(
    role: &str,
    score: &Score,
    answer: &wire::signal::SignalResponse,
    tolerance: f32,
) -> Result<(), Failure> {
    let allowed = f64::from(TOLERANCES * tolerance) * 1e6 + 2.0;
    let apart = f64::from(score.score_e6.abs_diff(answer.score_e6));
    if answer.status == score.status.code() && apart <= allowed {
        return Ok(());
    }
    let fields = format!(
        "role={role} request={} score_e6={} wanted={} allowed_difference={allowed:.0}",
        answer.request_id, answer.score_e6, score.score_e6
    );
    Err(wrong("the sidecar's numbers are not the model's", fields))
}

fn wrong(what: &str, fields: String) -> Failure {
    Failure::new(Exit::CheckFailed, what, fields, "look at `corelane models list`")
}

/// The next answer; a change of the model in between is taken note of.
fn answer(
    talk: &mut Talk<'_>,
    model: &mut Option<(u64, u64)>,
) -> Result<wire::signal::SignalResponse, Failure> {
    loop {
        let Heard::Frame(words) = talk.hear()? else { continue };
        match wire::decode(bytemuck::cast_slice(&words)) {
            Ok(Frame::SignalResponse(response)) => {
                let told = Some((response.model_hash, u64::from(response.generation)));
                if told != *model {
                    return Err(talk.unreached("answers for a model it did not announce", ""));
                }
                return Ok(*response);
            }
            Ok(Frame::ModelChange(change)) => {
                *model = Some((change.model_hash, u64::from(change.generation)));
            }
            _ => return Err(talk.unreached("sends a frame that is no answer", "")),
        }
    }
}

/// A request whose window depends on its number.
fn request(id: u64, sample_interval_ns: u64) -> SignalRequest {
    let mut request = SignalRequest::zeroed();
    request.header = FrameHeader::new::<SignalRequest>();
    request.header.instrument_id = InstrumentId(0);
    request.request_id = id;
    request.sample_interval_ns = sample_interval_ns;
    request.snapshots = 10;
    request.levels = 10;
    let shift = i64::try_from(id).unwrap_or(1);
    for (n, level) in (0_i64..).zip(request.window.iter_mut()) {
        let depth = n % 10;
        level.ask_price_ticks = PriceTicks(600_001 + depth + (shift * n) % 7);
        level.bid_price_ticks = PriceTicks(600_000 - depth);
        level.ask_qty_lots = QtyLots(1_000 * (1 + (n * shift) % 31));
        level.bid_qty_lots = QtyLots(1_000 * (1 + (n + shift) % 29));
    }
    request
}

fn serving(status: &Value) -> Result<Serving, Failure> {
    let serving = &status["serving"];
    let text = |key: &str| serving[key].as_str().unwrap_or("");
    let address = Address::from_hex(text("address"));
    let hash = u64::from_str_radix(text("model_hash"), 16).ok();
    let (Some(address), Some(model_hash), Some(generation)) =
        (address, hash, serving["generation"].as_u64())
    else {
        let fields = format!("serving={serving}");
        return Err(wrong("the sidecar does not say what it serves", fields));
    };
    let (name, backend) = (text("name").to_owned(), text("backend").to_owned());
    Ok(Serving { name, address, model_hash, generation, backend })
}

/// The socket of a sidecar: its own, or the one in the newest run's folder.
///
/// # Errors
/// RESOURCE where no run is there.
pub(super) fn socket_of(at: &SidecarAt, runs: &Path) -> Result<PathBuf, Failure> {
    if let Some(socket) = &at.socket {
        return Ok(socket.clone());
    }
    let control = crate::ctl::newest_socket(runs)?;
    Ok(control.parent().unwrap_or(Path::new(".")).join("signal.sock"))
}
