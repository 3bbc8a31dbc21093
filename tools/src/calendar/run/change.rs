//! One change of the window: MAINTENANCE, swap, verification, LIVE; or all of it undone.
//!
//! What can fail without the station is done first (the new models are loaded and verified here), the
//! change is written down before anything moves, and LIVE comes last, after every model has answered
//! as it should. Must never: leave HALTED, REDUCING or a MAINTENANCE somebody else chose for LIVE, go
//! LIVE past a failed verification, or move a model before MAINTENANCE is confirmed.

use super::config::OnFailure;
use super::slot::{Proof, Serving, Slot, socket_of};
use super::state::{Before, Begun, Left};
use super::{Outcome, Runner};
use crate::calendar::{State, StationMode, Step, Window, plan};
use serde_json::{Value, json};
use signal::resident::Resident;
use signal::store::Address;
use station::operator::Failure;
use wire::station::Mode;

/// What a change is stopped by: at which step, and in which words.
#[derive(Debug)]
struct Broken {
    step: String,
    why: String,
}

fn at(step: &str) -> impl Fn(Failure) -> Broken + '_ {
    move |failure| Broken { step: step.to_owned(), why: failure.to_string().replace('\n', " | ") }
}

fn broken(step: &str, why: impl Into<String>) -> Broken {
    Broken { step: step.to_owned(), why: why.into() }
}

/// A sidecar in a change.
struct Part<'w> {
    slot: Slot,
    /// What the window wants there.
    wanted: &'w Resident,
    target: Address,
    seen: Serving,
    proof: Option<Proof>,
}

/// A change on its way, and what its record will say.
struct Change<'w> {
    window: &'w Window,
    parts: Vec<Part<'w>>,
    steps: Vec<Step>,
    mode: Mode,
    may_go_live: bool,
    resumed: bool,
    start_mono_ns: u64,
    held_mono_ns: Option<u64>,
    maintenance_ns: Option<u64>,
    swap_ns: u64,
    verify_ns: u64,
    downtime_ns: Option<u64>,
    changed: Vec<Value>,
    /// Nothing of it is left to be taken up.
    over: bool,
}

impl<'w> Change<'w> {
    fn new(window: &'w Window, start_mono_ns: u64, resumed: bool) -> Self {
        Self {
            window,
            parts: Vec::new(),
            steps: Vec::new(),
            mode: Mode::Boot,
            may_go_live: false,
            resumed,
            start_mono_ns,
            held_mono_ns: None,
            maintenance_ns: None,
            swap_ns: 0,
            verify_ns: 0,
            downtime_ns: None,
            changed: Vec::new(),
            over: false,
        }
    }

    fn part(&mut self, model: &Resident) -> Option<&mut Part<'w>> {
        self.parts
            .iter_mut()
            .find(|part| part.wanted.model == model.model && part.wanted.device == model.device)
    }

    /// What holds now, in the plan's words.
    fn now(&self) -> State {
        let there = |part: &Part<'_>| part.seen.address == part.target;
        let models = self.parts.iter().map(|part| {
            let model = if there(part) {
                part.wanted.model.clone()
            } else {
                let short: String = part.seen.address.to_string().chars().take(12).collect();
                format!("{}/{short}", part.seen.name)
            };
            Resident { model, ..part.wanted.clone() }
        });
        let models: Vec<Resident> = models.collect();
        let station =
            if self.mode == Mode::Live { StationMode::Live } else { StationMode::Maintenance };
        let serving = self.window.serving.as_ref().and(models.first());
        State { station, serving: serving.map(|model| model.model.clone()), models }
    }

    /// Loads and verifies the new models here, while the station still trades.
    fn prepare(&mut self) -> Result<(), Broken> {
        for part in &mut self.parts {
            let step = format!("prepare {}", part.wanted);
            part.proof = Some(part.slot.proof(part.target).map_err(at(&step))?);
        }
        Ok(())
    }

    fn line(&self, outcome: Outcome, mode: Option<Mode>) -> Value {
        json!({
            "window": self.window.name,
            "kind": self.window.kind.name(),
            "outcome": outcome.name(),
            "resumed": self.resumed,
            "from_mode": self.mode.name(),
            "to_mode": mode.map(Mode::name),
            "steps": self.steps.iter().map(Step::to_string).collect::<Vec<_>>(),
            "models": self.changed,
            "maintenance_ns": self.maintenance_ns,
            "swap_ns": self.swap_ns,
            "verify_ns": self.verify_ns,
            "downtime_ns": self.downtime_ns,
        })
    }
}

impl Runner<'_> {
    /// Leads to a window from whatever holds; what came of it.
    ///
    /// # Errors
    /// Only where the state or the record cannot be written: nothing is done without.
    pub(super) fn change(&mut self, window: &Window) -> Result<Outcome, Failure> {
        let resumed = self.state.kept.begun.is_some();
        let mut change = Change::new(window, self.clock.mono_ns(), resumed);
        let done = match self.look(&mut change) {
            Ok(()) => self.go(&mut change)?,
            Err(broken) => Err(broken),
        };
        let (outcome, extra) = match done {
            Ok(outcome) => (outcome, json!({})),
            Err(broken) => self.undo(&mut change, &broken),
        };
        let mode = self.station.mode().ok();
        if outcome != Outcome::Nothing || resumed {
            let mut line = change.line(outcome, mode);
            if let (Some(line), Value::Object(extra)) = (line.as_object_mut(), extra) {
                line.extend(extra);
            }
            self.tell(line)?;
        }
        self.keep(mode, outcome, &change)?;
        Ok(outcome)
    }

    /// Remembers how the station was left, and forgets a change that is over.
    fn keep(
        &mut self,
        mode: Option<Mode>,
        outcome: Outcome,
        change: &Change<'_>,
    ) -> Result<(), Failure> {
        let before = self.state.kept.clone();
        let kept = &mut self.state.kept;
        kept.left = Some(match (outcome, mode) {
            (_, Some(Mode::Live)) => Left::Live,
            (Outcome::Done | Outcome::Nothing, _) if change.may_go_live => Left::Held,
            _ => Left::Stopped,
        });
        kept.begun = kept.begun.take().filter(|_| !change.over);
        if *kept == before { Ok(()) } else { self.state.save() }
    }

    /// Looks at station and sidecars and makes the plan; touches nothing.
    fn look<'w>(&mut self, change: &mut Change<'w>) -> Result<(), Broken> {
        change.mode = self.station.mode().map_err(at("look at the station"))?;
        let window: &'w Window = change.window;
        for (index, wanted) in self.file.places(window).map_err(|why| broken("look", why))? {
            let Some(sidecar) = self.file.sidecars.get(index) else { continue };
            let step = format!("look at {wanted}");
            let socket = socket_of(sidecar, &self.file.runs).map_err(at(&step))?;
            let slot = Slot::new(sidecar, socket);
            let target = slot.address_of(&wanted.model).map_err(at(&step))?;
            let seen = slot.look().map_err(at(&step))?;
            change.parts.push(Part { slot, wanted, target, seen, proof: None });
        }
        change.steps = plan(&change.now(), window);
        let begun = self.state.kept.begun.as_ref();
        let ours = match self.state.kept.left {
            _ if self.consent => true,
            None | Some(Left::Held) => true,
            Some(Left::Live | Left::Stopped) => false,
        };
        change.may_go_live = match (change.mode, begun) {
            (Mode::Halted | Mode::Reducing, _) => false,
            (_, Some(begun)) => begun.may_go_live,
            (Mode::Live, None) => true,
            (_, None) => ours,
        };
        Ok(())
    }

    /// Does what the plan says. The outer error is the state folder's.
    fn go(&mut self, change: &mut Change<'_>) -> Result<Result<Outcome, Broken>, Failure> {
        if change.steps.is_empty() {
            change.over = true;
            return Ok(Ok(Outcome::Nothing));
        }
        if change.mode == Mode::Halted {
            return Ok(Ok(Outcome::Left));
        }
        if let Err(broken) = change.prepare() {
            return Ok(Err(broken));
        }
        self.begin(change)?;
        let done = self.carry_out(change)?;
        change.over = done.is_ok();
        Ok(done)
    }

    /// Writes down that a change begins, and what was before the first attempt at it.
    fn begin(&mut self, change: &Change<'_>) -> Result<(), Failure> {
        let now_ns = self.clock.now_ns();
        let mut begun = self.state.kept.begun.take().unwrap_or_else(|| Begun {
            window: String::new(),
            began_ns: now_ns,
            held_ns: None,
            was_live: change.mode == Mode::Live,
            may_go_live: change.may_go_live,
            before: Vec::new(),
        });
        begun.window.clone_from(&change.window.name);
        for part in &change.parts {
            if begun.before.iter().any(|before| before.role == part.slot.role()) {
                continue;
            }
            let links = part.slot.links()?;
            begun.before.push(Before {
                role: part.slot.role().to_owned(),
                serving: part.seen.address.to_string(),
                current: links.current.map(|address| address.to_string()),
                previous: links.previous.map(|address| address.to_string()),
            });
        }
        self.state.kept.begun = Some(begun);
        self.state.save()
    }

    fn carry_out(&mut self, change: &mut Change<'_>) -> Result<Result<Outcome, Broken>, Failure> {
        let mut goes_live = false;
        for step in change.steps.clone() {
            let done = match &step {
                Step::Maintenance => self.hold(change)?,
                // What leaves a sidecar goes with the swap that replaces it; whose scores count is
                // said by its name, below.
                Step::Unload(_) | Step::Serve(_) => Ok(()),
                Step::Load(model) => self.swap(change, model),
                Step::Verify(model) => self.verify(change, model),
                Step::Live => {
                    goes_live = true;
                    Ok(())
                }
            };
            if let Err(broken) = done {
                return Ok(Err(broken));
            }
        }
        if let Err(broken) = self.name(change) {
            return Ok(Err(broken));
        }
        if !goes_live {
            return Ok(Ok(Outcome::Done));
        }
        if !change.may_go_live {
            return Ok(Ok(Outcome::Left));
        }
        if let Err(broken) = self.reach(Mode::Live) {
            return Ok(Err(broken));
        }
        let end_ns = self.clock.mono_ns();
        // A change that a crash cut in two is measured by the wall clock.
        let begun = self.state.kept.begun.as_ref().and_then(|begun| begun.held_ns);
        change.downtime_ns = match (change.held_mono_ns, begun) {
            (_, Some(held_ns)) if change.resumed => {
                Some(self.clock.now_ns().saturating_sub(held_ns))
            }
            (Some(held_ns), _) => Some(end_ns.saturating_sub(held_ns)),
            (None, _) => None,
        };
        Ok(Ok(Outcome::Done))
    }

    /// MAINTENANCE, confirmed.
    fn hold(&mut self, change: &mut Change<'_>) -> Result<Result<(), Broken>, Failure> {
        let was_live = change.mode == Mode::Live;
        if let Err(broken) = self.reach(Mode::Maintenance) {
            return Ok(Err(broken));
        }
        let now_ns = self.clock.mono_ns();
        change.maintenance_ns = Some(now_ns.saturating_sub(change.start_mono_ns));
        if was_live {
            change.held_mono_ns = Some(now_ns);
            let wall_ns = self.clock.now_ns();
            if let Some(begun) = &mut self.state.kept.begun {
                begun.held_ns.get_or_insert(wall_ns);
                self.state.save()?;
            }
        }
        Ok(Ok(()))
    }

    fn swap(&mut self, change: &mut Change<'_>, model: &Resident) -> Result<(), Broken> {
        let start_ns = self.clock.mono_ns();
        let step = format!("swap to {model}");
        let part = change.part(model).ok_or_else(|| broken(&step, "no sidecar keeps it"))?;
        let serving = part.slot.swap(part.target).map_err(at(&step))?;
        let changed = json!({
            "role": part.slot.role(),
            "from": part.seen.address.to_string(),
            "from_name": part.seen.name,
            "to": serving.address.to_string(),
            "to_name": serving.name,
            "model_hash": format!("{:016x}", serving.model_hash),
            "generation": serving.generation,
            "backend": serving.backend,
        });
        change.changed.push(changed);
        change.swap_ns += self.clock.mono_ns().saturating_sub(start_ns);
        Ok(())
    }

    fn verify(&mut self, change: &mut Change<'_>, model: &Resident) -> Result<(), Broken> {
        let start_ns = self.clock.mono_ns();
        let step = format!("verify {model}");
        let part = change.part(model).ok_or_else(|| broken(&step, "no sidecar keeps it"))?;
        let proof = part.proof.as_mut().ok_or_else(|| broken(&step, "it is not loaded here"))?;
        let serving = part.slot.verify(proof).map_err(at(&step))?;
        if change.window.serving.as_ref() == Some(&model.model) {
            self.is_heard(&serving).map_err(|why| broken(&step, why))?;
        }
        change.verify_ns += self.clock.mono_ns().saturating_sub(start_ns);
        Ok(())
    }

    /// Waits until the station was told of the model by its sidecar.
    fn is_heard(&mut self, serving: &Serving) -> Result<(), String> {
        let start_ns = self.clock.mono_ns();
        loop {
            let hears = self.station.hears().map_err(|failure| failure.to_string())?;
            if hears == Some((serving.model_hash, serving.generation)) {
                return Ok(());
            }
            if self.clock.mono_ns().saturating_sub(start_ns) >= self.file.patience_ns {
                return Err(format!(
                    "the station hears another model: hears={hears:x?} wanted={:016x} generation={}",
                    serving.model_hash, serving.generation
                ));
            }
            self.clock.pause();
        }
    }

    /// Names the serving model to the engine.
    fn name(&mut self, change: &Change<'_>) -> Result<(), Broken> {
        let first = change.window.serving.as_ref().and(change.parts.first());
        let Some(proof) = first.and_then(|part| part.proof.as_ref()) else { return Ok(()) };
        self.station.name_model(proof.model_hash()).map_err(at("name the model"))
    }

    /// Asks for a mode and waits until it is there.
    fn reach(&mut self, to: Mode) -> Result<(), Broken> {
        let step = to.name();
        let start_ns = self.clock.mono_ns();
        let mut asked = false;
        loop {
            let mode = self.station.mode().map_err(at(step))?;
            match mode {
                _ if mode == to => return Ok(()),
                Mode::Halted => return Err(broken(step, "the station is HALTED")),
                Mode::Reducing if to == Mode::Live => {
                    return Err(broken(step, "the station is REDUCING"));
                }
                Mode::Live | Mode::Reducing | Mode::Maintenance if !asked => {
                    self.station.ask(to).map_err(at(step))?;
                    asked = true;
                }
                // Asked for, and the loop has not taken it yet; the others lead to MAINTENANCE by
                // themselves.
                Mode::Live
                | Mode::Reducing
                | Mode::Maintenance
                | Mode::Boot
                | Mode::Reconcile
                | Mode::Draining => {}
            }
            if self.clock.mono_ns().saturating_sub(start_ns) >= self.file.patience_ns {
                return Err(broken(step, format!("it is not reached: mode={}", mode.name())));
            }
            self.clock.pause();
        }
    }

    /// Brings the models before back and leaves the station as the file says.
    fn undo(&mut self, change: &mut Change<'_>, cause: &Broken) -> (Outcome, Value) {
        let begun = self.state.kept.begun.clone();
        let moved = !change.changed.is_empty() || change.resumed;
        let undone = match &begun {
            Some(begun) if moved => self.put_back(begun),
            _ => Ok(()),
        };
        let wants_live = change.window.station == StationMode::Live;
        let was_live = change.mode == Mode::Live || begun.as_ref().is_some_and(|b| b.was_live);
        let back = wants_live && was_live && undone.is_ok() && change.may_go_live;
        let mode = if back && self.file.on_failure == OnFailure::Live {
            self.reach(Mode::Live)
        } else {
            self.reach(Mode::Maintenance)
        };
        change.over = undone.is_ok();
        let outcome = if undone.is_ok() && begun.is_some() && moved {
            Outcome::RolledBack
        } else {
            Outcome::Failed
        };
        let said = |done: Result<(), Broken>| {
            done.err().map(|broken| format!("{}: {}", broken.step, broken.why))
        };
        let extra = json!({
            "failed_at": cause.step,
            "why": cause.why,
            "not_undone": said(undone),
            "mode_not_reached": said(mode),
        });
        (outcome, extra)
    }

    fn put_back(&mut self, begun: &Begun) -> Result<(), Broken> {
        for (index, sidecar) in self.file.sidecars.iter().enumerate() {
            let Some(before) = begun.before.iter().find(|before| before.role == sidecar.role)
            else {
                continue;
            };
            let step = format!("put back {}", before.role);
            let address = before.address().ok_or_else(|| broken(&step, "its state is damaged"))?;
            let socket = socket_of(sidecar, &self.file.runs).map_err(at(&step))?;
            let slot = Slot::new(sidecar, socket);
            let mut proof = slot.proof(address).map_err(at(&step))?;
            let of = |text: &Option<String>| text.as_deref().and_then(Address::from_hex);
            let (current, previous) = (of(&before.current), of(&before.previous));
            let links = super::slot::Links { current, previous };
            slot.put_back(links, address).map_err(at(&step))?;
            let serving = slot.verify(&mut proof).map_err(at(&step))?;
            if index == 0 {
                self.is_heard(&serving).map_err(|why| broken(&step, why))?;
                self.station.name_model(serving.model_hash).map_err(at(&step))?;
            }
        }
        Ok(())
    }
}
