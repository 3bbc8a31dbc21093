//! The processes beside the station: a model that answers, or not, late, wrongly, twice, in a flood;
//! an adviser that tightens, or would loosen, or talks nonsense. What a bridge would refuse by its
//! form is tried as well: the engine must not care.

use super::cover::Fault;
use super::dice::Dice;
use super::plan::{Faults, Plan};
use super::setup::instrument_id;
use super::venue::Said;
use bytemuck::Zeroable;
use wire::advice::{Advice, AdviceField};
use wire::frame::FrameHeader;
use wire::signal::{SignalResponse, SignalStatus};
use wire::{InstrumentId, TsNs};

const MODEL: u64 = 0x5eed_0001;
const OTHER_MODEL: u64 = 0x5eed_0002;
const MS: u64 = 1_000_000;

/// The sidecars.
#[derive(Debug)]
pub(crate) struct Sidecars {
    answers: Vec<(u64, Said)>,
    latency_ns: u64,
    silent_until: u64,
    stuck: Option<i32>,
    instruments: usize,
    advice_ids: u64,
    newest: u64,
    dice: Dice,
}

impl Sidecars {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            answers: Vec::new(),
            latency_ns: plan.latency_ns,
            silent_until: 0,
            stuck: None,
            instruments: plan.instruments,
            advice_ids: 0,
            newest: 0,
            dice: Dice::of(plan.seed, 400),
        }
    }

    /// The station ended: nobody waits for an answer.
    pub(crate) fn restart(&mut self) {
        self.answers.clear();
        self.newest = 0;
    }

    pub(crate) fn heal(&mut self) {
        (self.silent_until, self.stuck) = (0, None);
    }

    /// A request came.
    pub(crate) fn ask(&mut self, id: u64, on: InstrumentId, now: u64, faults: &mut Faults) {
        self.newest = self.newest.max(id);
        if faults.strikes(Fault::ModelSilent) {
            self.silent_until = now + self.dice.span(50, 5_000) * MS;
        }
        if now < self.silent_until {
            return;
        }
        if faults.strikes(Fault::ModelStuck) {
            self.stuck = Some(self.score());
        }
        let mut answer = SignalResponse::zeroed();
        answer.header = FrameHeader::new::<SignalResponse>();
        answer.header.instrument_id = on;
        (answer.request_id, answer.model_hash) = (id, MODEL);
        answer.score_e6 = self.stuck.unwrap_or_else(|| self.score());
        (answer.generation, answer.batch) = (1, 1);
        answer.status = SignalStatus::Ok.code();
        if faults.strikes(Fault::ModelWrong) {
            answer.model_hash = OTHER_MODEL;
        }
        if faults.strikes(Fault::ModelAbstain) {
            let other = [SignalStatus::Abstain, SignalStatus::Refused, SignalStatus::Shed];
            answer.status = self.dice.pick(&other).unwrap_or(SignalStatus::Shed).code();
            answer.score_e6 = 0;
        }
        if faults.strikes(Fault::ModelLiar) {
            answer.request_id = self.dice.below(id + 8);
            answer.header.instrument_id = instrument_id(self.dice.index(self.instruments + 1));
        }
        if faults.strikes(Fault::ModelGarbage) {
            answer.score_e6 = 2_000_000;
            answer.reserved = [7; 13];
        }
        let slow = if faults.strikes(Fault::ModelSlow) { 40 } else { 1 };
        let due = now + self.dice.around(self.latency_ns / 2 + 1) * slow;
        let copies = if faults.strikes(Fault::ModelFlood) { 30 } else { 1 };
        for _ in 0..copies {
            self.answers.push((due, Said::of(&answer)));
        }
    }

    fn score(&mut self) -> i32 {
        i32::try_from(self.dice.from(-1_000_000, 1_000_000)).unwrap_or(0)
    }

    /// The next answer that has come.
    pub(crate) fn answer(&mut self, now: u64) -> Option<Said> {
        let at = self.answers.iter().position(|(due, _)| *due <= now)?;
        Some(self.answers.remove(at).1)
    }

    /// Advice that somebody gives now.
    pub(crate) fn advise(&mut self, wall: u64, faults: &mut Faults, out: &mut Vec<Said>) {
        let kind = [Fault::AdviceGood, Fault::AdviceLoose, Fault::AdviceBad, Fault::AdviceFlood]
            .into_iter()
            .find(|f| faults.strikes(*f));
        let Some(kind) = kind else { return };
        let times = if kind == Fault::AdviceFlood { 20 } else { 1 };
        for _ in 0..times {
            let mut advice = Advice::zeroed();
            advice.header = FrameHeader::new::<Advice>();
            let on = self.dice.index(self.instruments + 1);
            advice.header.instrument_id =
                if on == self.instruments { InstrumentId::UNDEF } else { instrument_id(on) };
            self.advice_ids += 1;
            (advice.advice_id, advice.source) = (self.advice_ids, 1);
            let field = self.dice.pick(AdviceField::ALL).unwrap_or(AdviceField::ReduceOnly);
            advice.field = field.code();
            let is_flag = field == AdviceField::ReduceOnly;
            advice.value = if is_flag { 1 } else { self.dice.from(1, 60) };
            advice.expires_ns = TsNs(wall + self.dice.span(1, 4_000) * MS);
            if kind == Fault::AdviceLoose {
                advice.value = i64::MAX;
            }
            if kind == Fault::AdviceBad {
                match self.dice.below(5) {
                    0 => advice.source = 99,
                    1 => advice.advice_id = 0,
                    2 => advice.expires_ns = TsNs(wall.saturating_sub(1)),
                    3 => advice.value = -3,
                    _ => advice.header.instrument_id = InstrumentId(77),
                }
            }
            out.push(Said::of(&advice));
        }
    }
}
