//! The files as text: what was found and chosen, put into the templates of `tools/templates/init`.
//!
//! Must never: write a number that does not come from the recording, or a path unquoted.

use super::found::{Found, Split, card_text};
use super::sizes::Sizes;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const STATION: &str = include_str!("../../templates/init/station.toml.in");
const LIMITS: &str = include_str!("../../templates/init/limits.toml.in");
const LIMITS_STRATEGY: &str = include_str!("../../templates/init/limits-strategy.toml.in");

/// What the files are about.
pub(super) struct Chosen<'a> {
    pub(super) recording: PathBuf,
    pub(super) model: Option<PathBuf>,
    pub(super) sizes: &'a Sizes,
    pub(super) found: &'a Found,
}

impl Chosen<'_> {
    /// The strategies: one that follows the model where there is one, and one that needs none.
    fn strategies(&self) -> &'static [&'static str] {
        if self.model.is_some() { &["signal-taker", "momentum"] } else { &["momentum"] }
    }
}

/// A text with every `{{name}}` replaced.
fn filled(text: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{{{name}}}}}"), value)
    })
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            _ if letter.is_control() => {
                // Writing to a String cannot fail.
                let _infallible = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

fn path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A number with its thousands apart.
fn apart(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { String::from('-') } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

pub(super) fn station(chosen: &Chosen<'_>) -> String {
    let strategies: String =
        chosen.strategies().iter().map(|name| strategy(name, chosen.sizes)).collect();
    filled(
        STATION,
        &[
            ("cpus", chosen.found.cpus_text()),
            ("recording", path(&chosen.recording)),
            ("hot", hot_threads(chosen.found.split.as_ref())),
            ("signal", signal(chosen)),
            ("strategies", strategies.trim_end().to_owned()),
        ],
    )
}

/// The station's key of the file that is written beside it.
const TOPOLOGY: &str =
    "# What the doctor holds the host against when a session starts.\ntopology = \"topology.toml\"";

fn hot_threads(split: Result<&Split, &String>) -> String {
    match split {
        Ok(Split { loop_cpu, edge_cpu: Some(edge_cpu), hot, .. }) => format!(
            "# Loop and edge on a core each, {hot} of topology.toml: nothing else should run\n\
             # there (`corelane doctor --topology=topology.toml` looks).\n\
             threads = \"two\"\nloop_cpu = {loop_cpu}\nedge_cpu = {edge_cpu}\n\
             # They spin. \"yield\" where the CPUs are shared.\nidle = \"busy\"\n{TOPOLOGY}"
        ),
        Ok(Split { loop_cpu, edge_cpu: None, .. }) => format!(
            "# One core can be spared: loop and edge take turns on it.\n\
             threads = \"one\"\nloop_cpu = {loop_cpu}\n\
             # It spins. \"yield\" where the CPU is shared.\nidle = \"busy\"\n{TOPOLOGY}"
        ),
        Err(why) => format!(
            "# No core is the hot threads' own here:\n# {why}.\n\
             threads = \"two\"\nloop_cpu = \"auto\"\nedge_cpu = \"auto\"\nidle = \"yield\""
        ),
    }
}

fn signal(chosen: &Chosen<'_>) -> String {
    let Some(model) = &chosen.model else {
        return "# No model was found: `corelane init --model=DIR`, or a sidecar of your own.\n\
                [signal]\nenabled = false\n"
            .to_owned();
    };
    let found = chosen.found;
    let library = found.onnxruntime.as_deref().unwrap_or("not found: `make onnxruntime`");
    let cards = match &found.gpus {
        Ok(cards) if !cards.is_empty() => {
            let cards: Vec<_> = cards.iter().map(card_text).collect();
            format!(
                "# Graphics cards: {}. A model too large for the CPU computes on one with\n\
                 # backend = \"onnxruntime-cuda\" or \"onnxruntime-tensorrt\", and\n\
                 # gpu = its number.\n",
                cards.join("; ")
            )
        }
        _ => "# No graphics card was found.\n".to_owned(),
    };
    format!(
        "[signal]\nenabled = true\nmodel = {}\n\
         # \"auto\" takes the fused kernel for a model it knows, for others ONNX Runtime where\n\
         # its library is named (ORT_DYLIB_PATH), else the pure-Rust back end.\n\
         # ONNX Runtime: {library}.\n{cards}\
         backend = \"auto\"\n\
         # A second sidecar, warm beside the first, that answers where that one does not.\n\
         # standby = \"auto\"\n\
         # Oldest usable answer and time between two snapshots, milliseconds of engine time.\n\
         ttl_ms = 1000\nsample_interval_ms = 100\n",
        path(model)
    )
}

fn strategy(name: &str, sizes: &Sizes) -> String {
    let head = format!(
        "[[strategy]]\nname = \"{name}\"\nkind = \"{name}\"\ninstrument = {}\nqty_lots = {}\n",
        quoted(&sizes.symbol),
        sizes.qty_lots
    );
    let (what, rest) = if name == "momentum" {
        (
            "# An example: follows a moving average of one-second bars with post-only orders.\n",
            "fast_bars = 5\nslow_bars = 20\nthreshold_e6 = 50\norder_ttl_ms = 5000\n".to_owned(),
        )
    } else {
        (
            "# An example: takes liquidity in the direction of the model's score.\n",
            format!(
                "entry_score_e6 = 350000\nexit_score_e6 = 50000\nmax_spread_ticks = {}\n\
                 slip_ticks = {}\nhold_ms = 10000\ncooldown_ms = 2000\n",
                sizes.ticks(120_000, 2),
                sizes.ticks(1_200_000, 1)
            ),
        )
    };
    format!("{what}{head}{rest}\n")
}

pub(super) fn limits(chosen: &Chosen<'_>) -> String {
    let sizes = chosen.sizes;
    let money = |name, times, parts| (name, apart(sizes.orders(times, parts)));
    let lots = |name, halves: i64| (name, apart(sizes.qty_lots.saturating_mul(halves) / 2));
    let numbers = [
        money("v1", 1, 1),
        money("v3", 3, 1),
        money("v4", 4, 1),
        money("v8", 8, 1),
        money("v12", 12, 1),
        money("v16", 16, 1),
        money("v_6", 1, 6),
        money("v_12", 1, 12),
        money("v_24", 1, 24),
        money("v4000", 4_000, 1),
        money("v8000", 8_000, 1),
        lots("q2", 4),
        lots("q15", 3),
        lots("q20", 40),
        ("q_min", apart(sizes.min_qty_lots)),
        ("t_collar", apart(sizes.ticks(60_000, 10))),
        ("t_aggression", apart(sizes.ticks(12_000, 5))),
        ("t_spread", apart(sizes.ticks(6_000, 10))),
    ];
    let names = chosen.strategies();
    let rows: String = names.iter().map(|name| LIMITS_STRATEGY.replace("{{name}}", name)).collect();
    let adv = match sizes.day_lots {
        Some(lots) => format!(
            "# What traded in {} s of the recording, carried to a day.\nadv_lots = {}",
            sizes.seconds,
            apart(lots)
        ),
        None => "# The recording has no trades to take it from; without it nothing is opened.\n\
                 # adv_lots ="
            .to_owned(),
    };
    let text = filled(LIMITS, &[("strategies", rows)]);
    let whole = sizes.order_e9 / 1_000_000_000;
    let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    let words = [
        ("order", apart(whole)),
        ("symbol", sizes.symbol.clone()),
        ("symbol_key", quoted(&sizes.symbol)),
        ("names", names.join(", ")),
        ("adv", adv),
    ];
    filled(&filled(&text, &numbers), &words)
}

pub(super) fn topology(split: &Split, found: &Found) -> String {
    let mut text = format!(
        "# Which cores are hot, which keep house, which card trades; found on this host by\n\
         # `corelane init`: {}.\n\
         # `corelane doctor --topology=topology.toml` holds the host against it.\n\n\
         [topology]\n\
         # Whole cores for the hot threads: loop on CPU {}{}. Without CPU 0.\n\
         hot = \"{}\"\n\
         # Everything else; two CPUs or more.\n\
         housekeeping = \"{}\"\n",
        found.cpus_text(),
        split.loop_cpu,
        split.edge_cpu.map_or_else(String::new, |cpu| format!(", edge on CPU {cpu}")),
        split.hot,
        split.housekeeping,
    );
    text.push_str("# Interface of the exchange link.");
    match found.nics.split_first() {
        None => text.push_str(" No card was found.\n# nic = \"eth0\"\n"),
        Some((first, others)) => {
            for other in others {
                let _infallible = write!(text, " There is {other} too.");
            }
            let _infallible = write!(text, "\n# {first}\nnic = {}\n", quoted(&first.name));
        }
    }
    text.push_str(
        "# Whether its sockets are to be accelerated by Onload.\nonload = false\n\
         # Pages of 2 MiB to be reserved at boot.\nhugepages_2m = 0\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_written_as_toml_reads_them() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1_000"), (-12_345_678, "-12_345_678")]
        {
            assert_eq!(apart(number), text);
        }
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
    }
}
