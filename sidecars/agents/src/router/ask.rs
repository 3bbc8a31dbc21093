//! The retry loop and one attempt of it.

use super::{Attempt, By, Decision, Path, Router};
use crate::answer::{Answer, sha256};
use crate::breaker::{Admission, Breaker, Outcome, Policy};
use crate::cause::{Cause, Next};
use crate::client::Question;
use crate::config::{Model, Role};
use crate::input::{Input, Section};
use crate::prompt::Values;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Attempts of one question, those without a server included.
const ATTEMPTS_MAX: usize = 8;

/// One question on its way.
struct Asked<'a> {
    role: &'a Role,
    place: usize,
    input: &'a Input,
    begin: Instant,
    /// Until then models may answer.
    until: Instant,
    prompt: String,
    cloud_prompt: String,
    attempts: Vec<Attempt>,
}

/// An answer, or why there is none and what came instead.
struct Came {
    answer: Result<Answer, Cause>,
    detail: String,
    raw: String,
}

impl Came {
    fn nothing(cause: Cause) -> Self {
        Self { answer: Err(cause), detail: String::new(), raw: String::new() }
    }
}

/// A question that is out; whatever becomes of it, load and breaker hear of it.
struct Out<'a> {
    router: &'a Router,
    path: Path,
    admission: Admission,
    begin: Instant,
    outcome: Outcome,
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        let now_ns = self.router.now_ns();
        let mut state = self.router.state.borrow_mut();
        if let Some(load) = state.loads.get_mut(self.path.0) {
            load.in_flight = load.in_flight.saturating_sub(1);
            if self.outcome != Outcome::Unjudged {
                load.observe(now_ns, ns(self.begin.elapsed()));
            }
        }
        if let Some(breaker) = state.breakers.get_mut(&self.path) {
            breaker.record(now_ns, self.admission, self.outcome);
        }
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Tokens a prompt has at most, nearly: three bytes each.
fn tokens(prompt: &str) -> u32 {
    u32::try_from(prompt.len().div_ceil(3)).unwrap_or(u32::MAX)
}

impl Router {
    /// Asks a role. There is always an answer, and always within the role's budget.
    ///
    /// # Panics
    /// If `role` is no place in the configuration.
    pub async fn ask(&self, role: usize, input: &Input) -> Decision {
        let begin = Instant::now();
        let place = role;
        let role = &self.config.roles[place];
        let budget = Duration::from_millis(u64::from(role.latency_ms));
        let until = begin + budget * 95 / 100;
        let mut asked = Asked {
            role,
            place,
            input,
            begin,
            until,
            prompt: String::new(),
            cloud_prompt: String::new(),
            attempts: Vec::new(),
        };
        let data = input.view(&role.context);
        let answered = match self.prompts(&mut asked) {
            Ok(()) => self.candidates(&mut asked).await,
            Err(detail) => {
                let came = Came { detail, ..Came::nothing(Cause::NoPrompt) };
                self.keep(&mut asked, None, None, &came, begin);
                None
            }
        };
        let (by, answer) = answered.unwrap_or_else(|| {
            (By::Rule { name: role.rule.name() }, role.rule.answer(input, &role.advice))
        });
        let template = self.config.prompts.get(role.prompt);
        Decision {
            role: role.name.clone(),
            by,
            answer,
            attempts: asked.attempts,
            prompt: asked.prompt,
            template_hash: template.map_or_else(String::new, |prompt| prompt.hash.clone()),
            input_hash: sha256(data.to_string().as_bytes()),
            schema_hash: role.output.form().hash.clone(),
            took_us: ns(begin.elapsed()) / 1_000,
        }
    }

    fn prompts(&self, asked: &mut Asked<'_>) -> Result<(), String> {
        let role = asked.role;
        let limits: Vec<_> = role.advice.iter().map(|limit| limit.wire().name()).collect();
        let render = |sections: &[Section]| {
            let data = asked.input.view(sections);
            let values = Values {
                role: &role.name,
                data: &format!("{data:#}"),
                limits: &limits.join(", "),
                answer_form: &role.output.form().prompt,
            };
            self.config.prompts.render(role.prompt, values)
        };
        let redact = &self.config.redact;
        let open: Vec<_> = role.context.iter().filter(|s| !redact.contains(s)).copied().collect();
        let (near, cloud) = (render(&role.context)?, render(&open)?);
        (asked.prompt, asked.cloud_prompt) = (near, cloud);
        Ok(())
    }

    /// The one retry loop.
    async fn candidates(&self, asked: &mut Asked<'_>) -> Option<(By, Answer)> {
        let models = || asked.role.candidates.iter().map(|m| &self.config.models[*m]);
        let models: Vec<&Model> = models().collect();
        let needed = tokens(&asked.prompt).saturating_add(asked.role.answer_tokens);
        let mut at = 0;
        let mut tried: Vec<usize> = Vec::new();
        let mut was_broken = false;
        while let Some(model) = models.get(at)
            && asked.attempts.len() < ATTEMPTS_MAX
            && Instant::now() < asked.until
        {
            let index = asked.role.candidates[at];
            let begin = Instant::now();
            let mut server = None;
            let came = if is_stale(asked) {
                Came::nothing(Cause::Stale)
            } else if tokens(&asked.prompt) > asked.role.prompt_tokens
                || needed > model.context_tokens
            {
                Came::nothing(Cause::ContextTooLong)
            } else {
                server = self.pick(asked.place, index, &tried);
                match server {
                    // Nobody serves it: no attempt at all.
                    None if tried.len() == model.servers.len() => {
                        (at, tried) = (at + 1, Vec::new());
                        continue;
                    }
                    None => Came::nothing(Cause::BreakerOpen),
                    Some(server) => {
                        let more = at + 1 < models.len() || tried.len() + 1 < model.servers.len();
                        self.attempt(asked, server, index, more).await
                    }
                }
            };
            self.keep(asked, Some(model), server, &came, begin);
            let cause = match (came.answer, server) {
                (Ok(answer), Some(server)) => return Some((self.by(server, model), answer)),
                (Ok(_), None) => return None,
                (Err(cause), _) => cause,
            };
            // A connection the server had given up is no word on the server: once more, on a new
            // one.
            if cause == Cause::Broken && !was_broken {
                was_broken = true;
                continue;
            }
            match cause.next() {
                Next::Rule => return None,
                Next::SameModel if server.is_some() => tried.extend(server),
                Next::SameModel | Next::NextModel => (at, tried) = (at + 1, Vec::new()),
                Next::LongerContext => {
                    let is_longer = |m: &&Model| m.context_tokens > model.context_tokens;
                    at = later(&models, at, is_longer);
                    tried.clear();
                }
                Next::SmallerModel => {
                    at = later(&models, at, |m| m.memory_mib < model.memory_mib);
                    tried.clear();
                }
            }
        }
        None
    }

    /// Keeps an attempt, and counts it where it came to nothing.
    fn keep(
        &self,
        asked: &mut Asked<'_>,
        model: Option<&Model>,
        server: Option<usize>,
        came: &Came,
        begin: Instant,
    ) {
        let cause = came.answer.as_ref().err().copied();
        if let Some(cause) = cause {
            *self.state.borrow_mut().abstentions.entry(cause).or_insert(0) += 1;
        }
        asked.attempts.push(Attempt {
            model: model.map_or_else(String::new, |model| model.name.clone()),
            server: server.map_or_else(String::new, |s| self.config.servers[s].name.clone()),
            cause,
            detail: came.detail.clone(),
            raw: came.raw.clone(),
            took_us: ns(begin.elapsed()) / 1_000,
        });
    }

    fn by(&self, server: usize, model: &Model) -> By {
        By::Model {
            server: self.config.servers[server].name.clone(),
            model: model.name.clone(),
            quantisation: model.quantisation.clone(),
        }
    }

    /// The less loaded of two servers that serve the model, were not tried and are not shut off.
    fn pick(&self, role: usize, model: usize, tried: &[usize]) -> Option<usize> {
        let now_ns = self.now_ns();
        let mut state = self.state.borrow_mut();
        let admits = |server: &usize| {
            let breaker = state.breakers.get(&(*server, model, role));
            !tried.contains(server) && breaker.is_none_or(|breaker| breaker.would_admit(now_ns))
        };
        let servers = &self.config.models[model].servers;
        let open: Vec<_> = servers.iter().copied().filter(admits).collect();
        let weight = |server: usize| self.config.servers[server].weight;
        let costs: Vec<_> = open.iter().map(|s| state.loads[*s].cost(now_ns, weight(*s))).collect();
        state.draw.choose(&costs).map(|place| open[place])
    }

    /// Asks one server, for all the time that is left, or half of it where somebody else could be
    /// asked after it.
    async fn attempt(&self, asked: &Asked<'_>, server: usize, model: usize, more: bool) -> Came {
        let begin = Instant::now();
        let left = asked.until.saturating_duration_since(begin);
        let deadline = begin + if more { left / 2 } else { left };
        let slots = &self.slots[server];
        let slots = if asked.role.is_critical { &slots.critical } else { &slots.bulk };
        let Ok(Ok(_slot)) = timeout_at(deadline, slots.acquire()).await else {
            return Came::nothing(Cause::Queue);
        };
        let path = (server, model, asked.place);
        let Some(mut out) = self.send(path, begin) else {
            return Came::nothing(Cause::BreakerOpen);
        };
        let Model { id, context_tokens, .. } = &self.config.models[model];
        let is_cloud = self.config.servers[server].is_cloud;
        let question = Question {
            model: id,
            prompt: if is_cloud { &asked.cloud_prompt } else { &asked.prompt },
            schema: &asked.role.output.form().schema,
            answer_tokens: asked.role.answer_tokens,
            context_tokens: *context_tokens,
        };
        let came = match timeout_at(deadline, self.clients[server].ask(&question)).await {
            Err(_) => Came::nothing(Cause::Late),
            Ok(Err(failed)) => Came { raw: failed.raw, ..Came::nothing(failed.cause) },
            Ok(Ok(text)) => judged(asked, text),
        };
        out.outcome = match &came.answer {
            Ok(_) => Outcome::Good,
            Err(cause) if cause.is_fault() => Outcome::Failed,
            Err(_) => Outcome::Unjudged,
        };
        let budget = Duration::from_millis(u64::from(asked.role.latency_ms));
        if out.outcome == Outcome::Good && begin.elapsed() > budget / 2 {
            out.outcome = Outcome::Slow;
        }
        came
    }

    fn send(&self, path: Path, begin: Instant) -> Option<Out<'_>> {
        let now_ns = self.now_ns();
        let mut state = self.state.borrow_mut();
        let breaker = state.breakers.entry(path).or_insert_with(|| Breaker::new(Policy::default()));
        let admission = breaker.admit(now_ns);
        if matches!(admission, Admission::Refused(_)) {
            return None;
        }
        if let Some(load) = state.loads.get_mut(path.0) {
            load.in_flight += 1;
        }
        Some(Out { router: self, path, admission, begin, outcome: Outcome::Unjudged })
    }
}

fn is_stale(asked: &Asked<'_>) -> bool {
    let age_ms = u64::try_from(asked.input.age_ms).unwrap_or(u64::MAX);
    let waited_ms = ns(asked.begin.elapsed()) / 1_000_000;
    age_ms.saturating_add(waited_ms) > u64::from(asked.role.max_age_ms)
}

/// What a model's text is worth.
fn judged(asked: &Asked<'_>, raw: String) -> Came {
    let role = asked.role;
    let answer = match role.output.parse(&raw) {
        Ok(answer) => answer,
        Err(fault) => {
            return Came { answer: Err(fault.cause), detail: fault.to_string(), raw };
        }
    };
    if let Answer::Limits(limits) = &answer
        && let Some(change) = limits.changes.iter().find(|c| !role.advice.contains(&c.limit))
    {
        let detail = format!("limit={}", change.limit.wire().name());
        return Came { answer: Err(Cause::NotAllowed), detail, raw };
    }
    if is_stale(asked) {
        return Came { answer: Err(Cause::Stale), detail: String::new(), raw };
    }
    Came { answer: Ok(answer), detail: String::new(), raw }
}

/// The first candidate after `at` that is as wanted; beyond the end where none is.
fn later(models: &[&Model], at: usize, wanted: impl Fn(&&Model) -> bool) -> usize {
    let after = models.iter().enumerate().skip(at + 1);
    after.filter(|(_, model)| wanted(model)).map(|(place, _)| place).next().unwrap_or(models.len())
}
