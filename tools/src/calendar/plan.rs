//! From one window to the next: the steps, in the order they are taken.
//!
//! Nothing is loaded before what leaves is gone (the two never need room together), what is dearest
//! comes first, and LIVE comes last, after every verification. Must never: lead to LIVE past one.
//! Pure.

use super::{StationMode, Window};
use signal::resident::Resident;
use std::fmt;

/// What holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The station's mode.
    pub station: StationMode,
    /// The model whose scores the station uses.
    pub serving: Option<String>,
    /// What is resident.
    pub models: Vec<Resident>,
}

impl From<&Window> for State {
    fn from(window: &Window) -> Self {
        Self {
            station: window.station,
            serving: window.serving.clone(),
            models: window.models.clone(),
        }
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The station goes into MAINTENANCE.
    Maintenance,
    /// A model leaves its place.
    Unload(Resident),
    /// A model is brought to its place.
    Load(Resident),
    /// The station's scores come from this model from here on.
    Serve(Resident),
    /// The model answers with its hash and its golden vectors.
    Verify(Resident),
    /// The station goes LIVE.
    Live,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maintenance => f.write_str("MAINTENANCE"),
            Self::Unload(model) => write!(f, "unload {model}"),
            Self::Load(model) => write!(f, "load {model}"),
            Self::Serve(model) => write!(f, "serve {model}"),
            Self::Verify(model) => write!(f, "verify {model}"),
            Self::Live => f.write_str("LIVE"),
        }
    }
}

/// The steps from `now` into a window; none where all is as the window wants it.
#[must_use]
pub fn plan(now: &State, to: &Window) -> Vec<Step> {
    let place = |model: &Resident| (model.model.clone(), model.device);
    let held =
        |list: &[Resident], model: &Resident| list.iter().any(|other| place(other) == place(model));
    let mut leaving: Vec<_> = now.models.iter().filter(|m| !held(&to.models, m)).collect();
    let mut coming: Vec<_> = to.models.iter().filter(|m| !held(&now.models, m)).collect();
    leaving.sort_by_key(|model| (model.priority, place(model)));
    coming.sort_by_key(|model| (std::cmp::Reverse(model.priority), place(model)));
    let serving = to.serving.as_ref().and_then(|name| {
        let place = to.models.iter().find(|model| model.model == *name)?;
        let moved = coming.contains(&place);
        (moved || now.serving.as_ref() != Some(name)).then_some(place)
    });
    let changes = !leaving.is_empty() || !coming.is_empty() || serving.is_some();
    let mut steps = Vec::new();
    if !changes && now.station == to.station {
        return steps;
    }
    if changes || to.station == StationMode::Maintenance {
        steps.push(Step::Maintenance);
    }
    steps.extend(leaving.into_iter().cloned().map(Step::Unload));
    steps.extend(coming.into_iter().cloned().map(Step::Load));
    steps.extend(serving.into_iter().cloned().map(Step::Serve));
    steps.extend(to.models.iter().cloned().map(Step::Verify));
    if to.station == StationMode::Live {
        steps.push(Step::Live);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::WindowKind;
    use super::*;
    use signal::resident::{Device, Priority};

    fn model(name: &str, device: Device, priority: Priority) -> Resident {
        Resident { model: name.to_owned(), device, priority }
    }

    fn window(station: StationMode, serving: Option<&str>, models: &[Resident]) -> Window {
        Window {
            name: "w".to_owned(),
            kind: WindowKind::MarketHours,
            station,
            serving: serving.map(str::to_owned),
            models: models.to_vec(),
        }
    }

    fn said(now: &Window, to: &Window) -> Vec<String> {
        plan(&State::from(now), to).iter().map(Step::to_string).collect()
    }

    #[test]
    fn what_leaves_goes_before_what_comes_and_live_is_last() {
        let small = model("small", Device::Cpu, Priority::Critical);
        let big = model("big", Device::Gpu, Priority::Critical);
        let shadow = model("shadow", Device::Gpu, Priority::Optional);
        let judge = model("judge", Device::Gpu, Priority::Normal);
        let day = window(StationMode::Live, Some("big"), &[big, shadow, small.clone()]);
        let night = window(StationMode::Live, Some("small"), &[small, judge]);
        assert_eq!(
            said(&day, &night),
            [
                "MAINTENANCE",
                "unload shadow@gpu (optional)",
                "unload big@gpu (critical)",
                "load judge@gpu (normal)",
                "serve small@cpu (critical)",
                "verify small@cpu (critical)",
                "verify judge@gpu (normal)",
                "LIVE",
            ]
        );
        assert_eq!(
            said(&night, &day),
            [
                "MAINTENANCE",
                "unload judge@gpu (normal)",
                "load big@gpu (critical)",
                "load shadow@gpu (optional)",
                "serve big@gpu (critical)",
                "verify big@gpu (critical)",
                "verify shadow@gpu (optional)",
                "verify small@cpu (critical)",
                "LIVE",
            ]
        );
    }

    #[test]
    fn a_model_that_only_moves_is_served_anew() {
        let at = |device| model("m", device, Priority::Critical);
        let gpu = window(StationMode::Live, Some("m"), &[at(Device::Gpu)]);
        let cpu = window(StationMode::Maintenance, Some("m"), &[at(Device::Cpu)]);
        assert_eq!(
            said(&gpu, &cpu),
            [
                "MAINTENANCE",
                "unload m@gpu (critical)",
                "load m@cpu (critical)",
                "serve m@cpu (critical)",
                "verify m@cpu (critical)",
            ]
        );
    }

    #[test]
    fn only_the_mode_changes_where_the_models_stay() {
        let m = model("m", Device::Cpu, Priority::Critical);
        let live = window(StationMode::Live, Some("m"), std::slice::from_ref(&m));
        let held = window(StationMode::Maintenance, Some("m"), &[m]);
        assert_eq!(said(&live, &live), Vec::<String>::new());
        assert_eq!(said(&live, &held), ["MAINTENANCE", "verify m@cpu (critical)"]);
        assert_eq!(said(&held, &live), ["verify m@cpu (critical)", "LIVE"]);
    }
}
